package fleet

import (
	"fmt"
	"math"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// refuseRewrite is for an agent that tells of an ended job otherwise than it
// did: what was written down stays, and a person is told. Its connection goes
// on, for it may be honest: a machine that was put back to an older snapshot
// lives through its jobs again, and cannot know that it does.
func (s *Service) refuseRewrite(tx *store.Tx, se *session, j job.Job, tells string) error {
	if se.told(j.ID) {
		return nil
	}
	tx.OnCommit(func() {
		if se.tells(j.ID) {
			s.log.Warn("an agent tells of an ended job anew; what it told first stays", "agent", se.agent, "job", j.ID, "tells", tells)
		}
	})
	return s.putProblem(tx, se.agent, fmt.Sprintf(
		"it tells of job %d, which it has told the end of, something else now: %s. What it told first stays. Its host may have been put back to an older snapshot, or somebody else has its certificate", j.ID, tells))
}

// tells notes that the agent has told a job anew, and says whether that is new.
func (se *session) tells(id int64) bool {
	se.mu.Lock()
	defer se.mu.Unlock()
	_, again := se.rewrites[id]
	se.rewrites[id] = struct{}{}
	return !again
}

func (se *session) told(id int64) bool {
	se.mu.Lock()
	defer se.mu.Unlock()
	_, again := se.rewrites[id]
	return again
}

// journalEnd is the number of a job's last record, as far as the agent has said
// it or says it now.
func journalEnd(j job.Job, now job.Register) uint64 {
	switch {
	case j.Verdict != nil && !j.Ours:
		return j.Verdict.JournalEnd
	case now.Verdict != nil:
		return now.Verdict.JournalEnd
	}
	return math.MaxUint64
}

// upTo are the records that are not behind the end.
func upTo(end uint64, r *fleetv1.JobReport) []*fleetv1.Record {
	n := uint64(len(r.Records))
	if r.First > end {
		n = 0
	} else if end-r.First < n {
		n = end - r.First + 1
	}
	return r.Records[:n]
}
