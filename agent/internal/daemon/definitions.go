package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"

	"google.golang.org/protobuf/proto"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// definitions are the repositories that the controller has told this agent of.
// They stay on disk, so that the host can back up while the controller is away.
type definitions struct {
	file    string
	storeID string
	repos   map[int64]job.Repository
}

func openDefinitions(file string) (*definitions, error) {
	d := &definitions{file: file, repos: map[int64]job.Repository{}}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read definitions: %w", err)
	}
	var m fleetv1.WatchResponse
	if err := proto.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s is damaged; remove it, and the controller sends its definitions again: %w", file, err)
	}
	d.storeID = m.StoreId
	for _, r := range m.Repositories {
		d.repos[r.Id] = wire.ToRepository(r)
	}
	return d, nil
}

// apply takes a message in and puts the result on disk. It says which
// repositories a foreign store's snapshot lacks: those are kept, since a
// controller that was restored from a backup must not take definitions away.
func (d *definitions) apply(m *fleetv1.WatchResponse) (kept []string, err error) {
	if len(m.Repositories) == 0 && len(m.RemovedRepositories) == 0 && !m.Snapshot {
		return nil, nil
	}
	next := map[int64]job.Repository{}
	foreign := d.storeID != "" && m.StoreId != d.storeID
	for id, r := range d.repos {
		if !m.Snapshot || foreign {
			next[id] = r
		}
	}
	for _, r := range m.Repositories {
		next[r.Id] = wire.ToRepository(r)
	}
	for _, id := range m.RemovedRepositories {
		delete(next, id)
	}
	if m.Snapshot && foreign {
		kept = missing(next, m.Repositories)
	}
	out := &fleetv1.WatchResponse{StoreId: m.StoreId}
	if foreign && len(kept) > 0 {
		out.StoreId = d.storeID // still unsettled: the next snapshot is foreign too
	}
	for _, r := range next {
		out.Repositories = append(out.Repositories, wire.FromRepository(r))
	}
	sort.Slice(out.Repositories, func(i, j int) bool { return out.Repositories[i].Id < out.Repositories[j].Id })
	data, err := proto.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode definitions: %w", err)
	}
	if err := atomicfile.Write(d.file, data); err != nil {
		return nil, fmt.Errorf("keep definitions: %w", err)
	}
	d.repos, d.storeID = next, out.StoreId
	return kept, nil
}

func missing(have map[int64]job.Repository, told []*fleetv1.Repository) []string {
	in := map[int64]bool{}
	for _, r := range told {
		in[r.Id] = true
	}
	var names []string
	for id, r := range have {
		if !in[id] {
			names = append(names, r.Name)
		}
	}
	sort.Strings(names)
	return names
}

// Repositories are the definitions that are on this host.
func (d *Daemon) Repositories() []job.Repository {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]job.Repository, 0, len(d.desired.repos))
	for _, r := range d.desired.repos {
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}
