package api_test

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
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
	cancel       fleet.CancelResult

	// what was asked last
	start      fleet.StartRequest
	query      fleet.JobQuery
	joinToken  fleet.JoinTokenRequest
	repository fleet.RepositoryRequest
	by         string
	offset     uint64
	limit      int
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
	return page, f.err
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

func (f *fakeFleet) Agents(context.Context) []fleet.AgentView { return f.agents }

func (f *fakeFleet) Agent(_ context.Context, id string) (fleet.AgentView, error) {
	for _, a := range f.agents {
		if a.ID == id || a.Name == id {
			return a, f.err
		}
	}
	return fleet.AgentView{}, fault.New(fault.NotFound, "agent_not_found", "no agent %q is enrolled", id)
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

func (f *fakeFleet) Repositories(context.Context) []fleet.RepositoryView { return f.repositories }

func (f *fakeFleet) Repository(_ context.Context, id int64) (fleet.RepositoryView, error) {
	for _, r := range f.repositories {
		if r.ID == id {
			return r, f.err
		}
	}
	return fleet.RepositoryView{}, fault.New(fault.NotFound, "repository_not_found", "there is no repository %d", id)
}

// fakeAuth knows tokens that are named after their role.
type fakeAuth struct {
	mu   sync.Mutex
	from netip.Addr
	err  error
}

func (a *fakeAuth) Login(_ context.Context, user, password string, from netip.Addr) (string, time.Duration, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.from = from
	if a.err != nil {
		return "", 0, a.err
	}
	if user != "admin" || password != "secret" {
		return "", 0, fault.New(fault.Unauthenticated, "wrong_credentials", "wrong user name or password")
	}
	return "admin", 12 * time.Hour, nil
}

func (a *fakeAuth) Verify(token string) (api.Principal, error) {
	switch role := api.Role(token); role {
	case api.Viewer, api.Operator, api.Admin:
		return api.Principal{User: "the " + token, Role: role}, nil
	case "strange":
		return api.Principal{User: "somebody", Role: "strange"}, nil
	}
	return api.Principal{}, fault.New(fault.Unauthenticated, "bad_token", "the token is not valid: log in again")
}
