package api_test

import (
	"context"
	"io"
	"iter"
	"slices"
	"strconv"
	"sync"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
)

// fakeFleet is a fleet in memory.
type fakeFleet struct {
	mu           sync.Mutex
	jobs         map[int64]fleet.JobView
	logs         map[int64][]fleet.LogLine
	agents       []fleet.AgentView
	repositories []fleet.RepositoryView
	err          error  // if set, every call that can fail does
	failLogAfter uint64 // if set, reading the log from there fails
	boom         bool   // Job panics
	paged        bool   // Jobs goes by Limit and Cursor
	feed         []fleet.EventBatch
	busy         bool // the feed has no end

	archives fleet.ArchiveList
	recovery fleet.RecoveryKeyView
	copies   []job.Recovery
	folder   fleet.Folder

	schedules fakeSchedules
	hosts     []fleet.HostView
	hostQuery fleet.HostQuery
	summary   fleet.Summary
	trends    []history.Tally
	asked     fleet.TrendQuery

	update        fleet.RepositoryUpdate // asked for last, as the rest
	archivesQuery fleet.ArchiveQuery
	folderQuery   fleet.FolderQuery
	restore       fleet.RestoreRequest
	maintenance   fleet.MaintenanceRequest
	acknowledged  []string
	accepted      int64
	changed       chan struct{} // of every Follow; nil: nothing changes
	cancel        fleet.CancelResult

	// what was asked last
	start      fleet.StartRequest
	query      fleet.JobQuery
	joinToken  fleet.JoinTokenRequest
	repository fleet.RepositoryRequest
	change     fleet.AgentChange
	gone       string // the agent that was deleted
	by         string
	offset     uint64
	limit      int
	events     fleet.EventQuery
	cursor     string
}

var _ api.Fleet = (*fakeFleet)(nil)

func newFakeFleet() *fakeFleet {
	return &fakeFleet{jobs: map[int64]fleet.JobView{}, logs: map[int64][]fleet.LogLine{}}
}

// add takes a job and its log.
func (f *fakeFleet) add(v fleet.JobView, lines ...string) {
	for i, text := range lines {
		f.logs[v.ID] = append(f.logs[v.ID], fleet.LogLine{Number: uint64(i + 1), Text: text})
	}
	v.LogLines = uint64(len(lines))
	v.LogNext = v.LogLines + 1
	f.jobs[v.ID] = v
}

func (f *fakeFleet) find(id int64) (fleet.JobView, error) {
	if f.boom {
		panic("boom")
	}
	if f.err != nil {
		return fleet.JobView{}, f.err
	}
	v, ok := f.jobs[id]
	if !ok {
		return v, fault.New(fault.NotFound, "job_not_found", "there is no job %d", id)
	}
	return v, nil
}

func (f *fakeFleet) Start(_ context.Context, r fleet.StartRequest) (job.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.start = r
	if r.Repository != "/local/backups/my-repo" {
		return job.Job{}, fault.New(fault.NotFound, "repository_not_found", "no repository %q is registered", r.Repository)
	}
	return job.Job{ID: 123, Status: job.Running}, f.err
}

func (f *fakeFleet) Maintain(_ context.Context, r fleet.MaintenanceRequest) (job.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.maintenance = r
	if r.Repository != 7 {
		return job.Job{}, fault.New(fault.NotFound, "repository_not_found", "there is no repository %d", r.Repository)
	}
	return job.Job{ID: 124, Status: job.Running}, f.err
}

func (f *fakeFleet) AcknowledgeVanished(_ context.Context, id int64, refs []string, by string) (fleet.Acknowledged, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acknowledged, f.by = refs, by
	if id != 7 {
		return fleet.Acknowledged{}, fault.New(fault.NotFound, "repository_not_found", "there is no repository %d", id)
	}
	return fleet.Acknowledged{Archives: []fleet.Archive{{Name: "gone"}}, Remaining: 2}, f.err
}

func (f *fakeFleet) AcceptSize(_ context.Context, id, job int64, by string) (history.Last, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accepted, f.by = job, by
	if id != 7 {
		return history.Last{}, fault.New(fault.NotFound, "repository_not_found", "there is no repository %d", id)
	}
	return history.Last{Good: history.Mark{ID: 8, Original: 40}, Normal: history.Mark{ID: 5, Original: 100}}, f.err
}

func (f *fakeFleet) RetryRepository(ctx context.Context, id int64, by string) (fleet.RepositoryView, error) {
	f.mu.Lock()
	f.by = by
	f.mu.Unlock()
	return f.Repository(ctx, id)
}

func (f *fakeFleet) Cancel(_ context.Context, id int64, by string) (fleet.CancelResult, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.by = by
	v, err := f.find(id)
	if err == nil && v.Status.Final() {
		err = fault.New(fault.BadState, "job_ended", "job %d has already ended: %s", id, v.Status)
	}
	return f.cancel, err
}

func (f *fakeFleet) Job(_ context.Context, id int64) (fleet.JobView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.find(id)
}

func (f *fakeFleet) Jobs(_ context.Context, q fleet.JobQuery) (fleet.JobPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.query = q
	var page fleet.JobPage
	for _, v := range f.jobs {
		page.Jobs = append(page.Jobs, v)
	}
	if f.paged {
		page = f.page(page, q)
	}
	return page, f.err
}

// page is the part of all jobs, newest first, that a query is for.
func (f *fakeFleet) page(all fleet.JobPage, q fleet.JobQuery) fleet.JobPage {
	slices.SortFunc(all.Jobs, func(a, b fleet.JobView) int { return int(b.ID - a.ID) })
	from := 0
	if q.Cursor != "" {
		from, _ = strconv.Atoi(q.Cursor)
	}
	to := min(from+q.Limit, len(all.Jobs))
	out := fleet.JobPage{Jobs: all.Jobs[from:to]}
	if to < len(all.Jobs) {
		out.NextCursor = strconv.Itoa(to)
	}
	return out
}

func (f *fakeFleet) Log(_ context.Context, id int64, offset uint64, limit int) (fleet.LogPage, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.offset, f.limit = offset, limit
	v, err := f.find(id)
	if err != nil {
		return fleet.LogPage{}, err
	}
	if f.failLogAfter > 0 && offset >= f.failLogAfter {
		return fleet.LogPage{}, context.DeadlineExceeded
	}
	all := f.logs[id]
	page := fleet.LogPage{Job: v.Job, Total: uint64(len(all))}
	if offset < page.Total {
		rest := all[offset:]
		page.Lines = rest[:min(limit, len(rest))]
		page.HasMore = len(page.Lines) < len(rest)
	}
	return page, nil
}

func (f *fakeFleet) Lines(id int64, offset, to uint64) iter.Seq2[fleet.LogLine, error] {
	return func(yield func(fleet.LogLine, error) bool) {
		f.mu.Lock()
		all := f.logs[id]
		f.mu.Unlock()
		for n := offset; n < min(to, uint64(len(all))); n++ {
			if !yield(all[n], nil) {
				return
			}
		}
	}
}

func (f *fakeFleet) Follow(int64) (<-chan struct{}, func()) { return f.changed, func() {} }

// Events tells what is in the feed, and then that the controller is broken, or
// more and more.
func (f *fakeFleet) Events(q fleet.EventQuery, cursor string) (fleet.NextEvents, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events, f.cursor = q, cursor
	feed := append([]fleet.EventBatch{{Cursor: "x-1"}}, f.feed...)
	return func(context.Context) (fleet.EventBatch, error) {
		if len(feed) == 0 && f.busy {
			return fleet.EventBatch{Events: []fleet.Event{{Type: fleet.EventReset}}, Cursor: "x-2"}, nil
		}
		if len(feed) == 0 {
			return fleet.EventBatch{}, io.EOF
		}
		batch := feed[0]
		feed = feed[1:]
		return batch, nil
	}, f.err
}

func (f *fakeFleet) Agents(context.Context) []fleet.AgentView { return f.agents }

func (f *fakeFleet) Agent(_ context.Context, id string) (fleet.AgentView, error) {
	for _, a := range f.agents {
		if a.ID == id || a.Name == id {
			return a, f.err
		}
	}
	return fleet.AgentView{}, fault.New(fault.NotFound, "agent_not_found", "no agent %q is enrolled", id)
}

func (f *fakeFleet) ChangeAgent(ctx context.Context, id string, c fleet.AgentChange) (fleet.AgentView, error) {
	f.change = c
	return f.Agent(ctx, id)
}

func (f *fakeFleet) RevokeAgent(ctx context.Context, id, by string) (fleet.AgentView, error) {
	f.by = by
	return f.Agent(ctx, id)
}

func (f *fakeFleet) DeleteAgent(ctx context.Context, id, by string) error {
	f.gone, f.by = id, by
	_, err := f.Agent(ctx, id)
	return err
}

func (f *fakeFleet) CreateJoinToken(_ context.Context, r fleet.JoinTokenRequest) (fleet.JoinToken, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.joinToken = r
	return fleet.JoinToken{Token: "join", ExpiresAt: testNow().Add(time.Hour)}, f.err
}

func (f *fakeFleet) CreateRepository(_ context.Context, r fleet.RepositoryRequest) (fleet.RepositoryView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.repository = r
	if f.err != nil {
		return fleet.RepositoryView{}, f.err
	}
	d := r.Definition
	d.ID = 7
	d.PassphraseSealed = append(r.PassphraseSealed, r.Passphrase...)
	v := fleet.RepositoryView{Repository: d, AgentID: "a-1", AgentName: "web-1", Status: "ready", CreatedAt: testNow(), InitJob: 122}
	f.repositories = []fleet.RepositoryView{v}
	return v, nil
}

func (f *fakeFleet) ImportRepository(ctx context.Context, r fleet.RepositoryRequest) (fleet.RepositoryView, error) {
	r.Definition.Adopted, r.Definition.AccountDirs = true, true
	return f.CreateRepository(ctx, r)
}

func (f *fakeFleet) UpdateRepository(ctx context.Context, u fleet.RepositoryUpdate) (fleet.RepositoryView, error) {
	v, err := f.Repository(ctx, u.ID)
	f.update = u
	v.Repository = u.Change(v.Repository)
	return v, err
}

func (f *fakeFleet) DeleteRepository(ctx context.Context, id int64) error {
	_, err := f.Repository(ctx, id)
	return err
}

func (f *fakeFleet) RunningJobs(ctx context.Context, id int64) ([]fleet.JobView, error) {
	if _, err := f.Repository(ctx, id); err != nil {
		return nil, err
	}
	var out []fleet.JobView
	for _, v := range f.jobs {
		if !v.Status.Final() {
			out = append(out, v)
		}
	}
	return out, nil
}

func (f *fakeFleet) Archives(_ context.Context, q fleet.ArchiveQuery) (fleet.ArchiveList, error) {
	f.archivesQuery = q
	return f.archives, f.err
}

func (f *fakeFleet) Contents(_ context.Context, q fleet.FolderQuery) (fleet.Folder, error) {
	f.folderQuery = q
	return f.folder, f.err
}

func (f *fakeFleet) Restore(_ context.Context, r fleet.RestoreRequest) (job.Job, error) {
	f.restore = r
	return job.Job{ID: 123}, f.err
}

func (f *fakeFleet) Recovery(ctx context.Context, id int64) (fleet.RecoveryView, error) {
	v, err := f.Repository(ctx, id)
	return fleet.RecoveryView{RepositoryView: v, Copies: f.copies}, err
}

func (f *fakeFleet) RecoveryKey(context.Context) (fleet.RecoveryKeyView, error) {
	return f.recovery, f.err
}

func (f *fakeFleet) ReplaceRecoveryKey(_ context.Context, recipient, by string) (fleet.RecoveryKeyView, error) {
	f.by = by
	f.recovery = fleet.RecoveryKeyView{Recipient: recipient, Since: testNow(), By: by, Former: []string{f.recovery.Recipient}}
	return f.recovery, f.err
}

func (f *fakeFleet) Repositories(context.Context) []fleet.RepositoryView { return f.repositories }

func (f *fakeFleet) Repository(_ context.Context, id int64) (fleet.RepositoryView, error) {
	for _, r := range f.repositories {
		if r.ID == id {
			return r, f.err
		}
	}
	return fleet.RepositoryView{}, fault.New(fault.NotFound, "repository_not_found", "there is no repository %d", id)
}
