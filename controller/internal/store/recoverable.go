package store

import (
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"

	"borgfleet/shared/job"
	storev1 "borgfleet/shared/proto/store/v1"
)

// Recoverable is a registration with what is kept of it for the recovery keys.
type Recoverable struct {
	Repository
	AgentName string
	Copies    []job.Recovery
}

// ReadRecoverable finds them among the entries of a store that nobody runs, such
// as those of a backup, by id.
func ReadRecoverable(entries iter.Seq2[Entry, error]) ([]Recoverable, error) {
	repositories, names, copies := table[int64, Repository]{}, map[string]string{}, map[int64][]job.Recovery{}
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		if len(e.Key) == 0 {
			continue
		}
		switch e.Key[0] {
		case repositoryPrefix:
			var p storev1.Repository
			if err = proto.Unmarshal(e.Value, &p); err == nil {
				r := repositoryFromProto(&p)
				repositories[r.ID] = &r
			}
		case agentPrefix, formerAgentPrefix:
			var p storev1.Agent
			if err = proto.Unmarshal(e.Value, &p); err == nil {
				names[p.Id] = p.Name
			}
		case copiesPrefix:
			copies[decodeNumber(e.Key[1:])], err = decodeCopies(e.Value)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %.40q: %w", e.Key, err)
		}
	}
	var out []Recoverable
	for _, r := range repositories.sorted(byID) {
		out = append(out, Recoverable{Repository: r, AgentName: names[r.Agent], Copies: copies[r.ID]})
	}
	return out, nil
}
