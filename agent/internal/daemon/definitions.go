package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
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
	by      map[int64][]*fleetv1.Schedule // that back each of repos up, as the controller sent them
	held    map[int64]bool                // of repos: kept although storeID does not know them, or knows others

	recovery string // the recovery key that the controller names
}

// Definitions reads the repositories that the controller has told this agent
// of, for those who ask while the daemon is away.
func Definitions(file string) ([]job.Repository, error) {
	d, err := openDefinitions(file)
	if err != nil {
		return nil, err
	}
	return d.sorted(), nil
}

func (d *definitions) sorted() []job.Repository {
	out := make([]job.Repository, 0, len(d.repos))
	for _, r := range d.repos {
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out
}

func openDefinitions(file string) (*definitions, error) {
	d := &definitions{file: file, repos: map[int64]job.Repository{}, by: map[int64][]*fleetv1.Schedule{}, held: map[int64]bool{}}
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
	d.storeID, d.recovery = m.StoreId, m.RecoveryRecipient
	for _, r := range m.Repositories {
		d.put(r)
	}
	for _, id := range m.HeldRepositories {
		d.held[id] = true
	}
	return d, nil
}

// apply takes a message in and puts the result on disk. It says whether what is
// held changed.
//
// A controller that was restored from a backup, or is another one, must not take
// definitions away, nor put older ones in their place: what the snapshot of
// another store lacks or has otherwise is held, until that store says something
// of it that is no mere snapshot, or says that it is settled.
func (d *definitions) apply(m *fleetv1.WatchResponse) (heldChanged bool, err error) {
	if len(m.Repositories) == 0 && len(m.RemovedRepositories) == 0 && !m.Snapshot {
		return false, nil
	}
	next := &definitions{file: d.file, storeID: d.storeID, repos: maps.Clone(d.repos), by: maps.Clone(d.by), held: maps.Clone(d.held), recovery: d.recovery}
	if m.Snapshot {
		next.compare(m)
		next.storeID, next.recovery = m.StoreId, m.RecoveryRecipient
	}
	for _, r := range m.Repositories {
		if m.Snapshot && next.held[r.Id] {
			continue
		}
		next.put(r)
		delete(next.held, r.Id)
	}
	for _, id := range m.RemovedRepositories {
		next.drop(id)
		delete(next.held, id)
	}
	if err := next.save(d); err != nil {
		return false, err
	}
	heldChanged = !maps.Equal(d.held, next.held)
	d.storeID, d.repos, d.by, d.held, d.recovery = next.storeID, next.repos, next.by, next.held, next.recovery
	return heldChanged, nil
}

// compare decides what of a snapshot counts, and drops what it lacks.
func (d *definitions) compare(m *fleetv1.WatchResponse) {
	foreign := d.storeID != "" && m.StoreId != d.storeID
	told := make(map[int64]*fleetv1.Repository, len(m.Repositories))
	for _, r := range m.Repositories {
		told[r.Id] = r
	}
	for id := range d.repos {
		switch {
		case slices.Contains(m.SettledRepositories, id) || sameDefinition(d.message(id), told[id]):
			delete(d.held, id)
		case foreign:
			d.held[id] = true
		}
		if !d.held[id] {
			d.drop(id)
		}
	}
}

func (d *definitions) put(r *fleetv1.Repository) {
	d.repos[r.Id] = wire.ToRepository(r)
	d.by[r.Id] = r.Schedules
}

func (d *definitions) drop(id int64) {
	delete(d.repos, id)
	delete(d.by, id)
}

// message is a definition as it is sent and kept.
func (d *definitions) message(id int64) *fleetv1.Repository {
	m := wire.FromRepository(d.repos[id])
	m.Schedules = d.by[id]
	return m
}

// sameDefinition leaves borg's id out: it is found, not decided. A schedule that
// runs otherwise is another definition.
func sameDefinition(own, told *fleetv1.Repository) bool {
	if told == nil {
		return false
	}
	other := wire.FromRepository(wire.ToRepository(told))
	other.Schedules = told.Schedules
	own.BorgId, other.BorgId = "", ""
	return proto.Equal(own, other)
}

// save puts them in the place of old, unless they are the same: each connection
// begins with a snapshot, and is not worth a wait for the disk.
func (d *definitions) save(old *definitions) error {
	data, err := d.encode()
	if err != nil {
		return err
	}
	if before, err := old.encode(); err == nil && bytes.Equal(before, data) {
		return nil
	}
	if len(d.repos) > mostDefinitions || len(data) > mostDesired {
		return fmt.Errorf("the controller defines %d repositories for this host, in %d bytes; %d in %d bytes are the most", len(d.repos), len(data), mostDefinitions, mostDesired)
	}
	if err := atomicfile.Write(d.file, data); err != nil {
		return fmt.Errorf("keep definitions: %w", err)
	}
	return nil
}

func (d *definitions) encode() ([]byte, error) {
	out := &fleetv1.WatchResponse{StoreId: d.storeID, HeldRepositories: slices.Sorted(maps.Keys(d.held)), RecoveryRecipient: d.recovery}
	for _, r := range d.sorted() {
		out.Repositories = append(out.Repositories, d.message(r.ID))
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode definitions: %w", err)
	}
	return data, nil
}

// heldNow gives what is held, by id.
func (d *definitions) heldNow() []job.Repository {
	var out []job.Repository
	for _, r := range d.sorted() {
		if d.held[r.ID] {
			out = append(out, r)
		}
	}
	return out
}

// Held gives the definitions that are kept otherwise than the controller has
// them, with their schedules, and a number that changes whenever they do.
func (d *Daemon) Held() ([]*fleetv1.Repository, uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []*fleetv1.Repository
	for _, r := range d.desired.heldNow() {
		out = append(out, d.desired.message(r.ID))
	}
	return out, d.heldChanges
}

// Scheduled is a repository, and what backs it up.
type Scheduled struct {
	Repository job.Repository
	By         []*fleetv1.Schedule // as the controller sent them
}

// Scheduled are the repositories that have schedules.
func (d *Daemon) Scheduled() []Scheduled {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Scheduled
	for _, r := range d.desired.sorted() {
		if by := d.desired.by[r.ID]; len(by) > 0 {
			out = append(out, Scheduled{r, by})
		}
	}
	return out
}

// Repositories are the definitions that are on this host.
func (d *Daemon) Repositories() []job.Repository {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.desired.sorted()
}
