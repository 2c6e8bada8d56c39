package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/job"
)

// answered is what REST says of a job, as far as a host decides it.
type answered struct {
	ID           int64
	Kind         string
	Status       string
	Repository   string
	Agent        string
	TriggeredBy  string `json:"triggered_by"`
	Schedule     int64  `json:"scheduled_job_id"` // 0: none
	StartedAt    string `json:"started_at"`
	CompletedAt  string `json:"completed_at"`
	ErrorCode    string `json:"error_code"`
	ErrorMessage string `json:"error_message"`
	ExitCode     *int   `json:"exit_code"`
	ArchiveName  string `json:"archive_name"`
	LogComplete  bool   `json:"log_complete"`
	Details      struct {
		Original     int64 `json:"original_size"`
		Compressed   int64 `json:"compressed_size"`
		Deduplicated int64 `json:"deduplicated_size"`
		Files        int64 `json:"nfiles"`
	} `json:"progress_details"`
}

// check holds what the controller answers against the books.
type check struct {
	f      *fleet
	people *people
	since  time.Time
	before map[int64]bool // jobs that were there before

	mu    sync.Mutex
	found []string // one sentence for each difference; guarded by mu
}

func (c *check) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// run gives the differences, in an order of their own.
func (c *check) run(ctx context.Context) ([]string, error) {
	b := c.f.books
	b.mu.Lock()
	defer b.mu.Unlock()
	c.found = slices.Clone(b.wrongs)
	all, err := c.people.jobs(c.since)
	if err != nil {
		return nil, err
	}
	listed := map[int64]bool{}
	for _, a := range all {
		if listed[a.ID] {
			c.say("job %d is listed twice", a.ID)
		}
		listed[a.ID] = true
	}
	played := map[int64]*play{}
	for _, p := range b.plays {
		if other := played[p.id]; other != nil && p.id != 0 {
			c.say("%s and %s are both job %d", other.key, p.key, p.id)
		}
		played[p.id] = p
	}
	c.strangers(all, played, b)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(callers / 2)
	for _, p := range b.plays {
		if p.id == 0 {
			c.say("job %s of %s was made on its host, and the controller never took it in", p.key, p.path)
			continue
		}
		if !listed[p.id] {
			c.say("job %d is not in the list of jobs", p.id)
		}
		c.heard(p, b.wishes[p.id])
		g.Go(func() error { return c.one(ctx, p) })
	}
	return c.found, g.Wait()
}

// strangers are jobs that no host has played. One that was cancelled before its
// host heard of it is none.
func (c *check) strangers(all []answered, played map[int64]*play, b *books) {
	for _, a := range all {
		_, started := b.started[a.ID]
		switch {
		case played[a.ID] != nil || c.before[a.ID]:
		case !started:
			c.say("job %d (%s, %s, %s) was never played", a.ID, a.Kind, a.Agent, a.Status)
		case a.Status != string(job.Cancelled) || b.wishes[a.ID].IsZero():
			c.say("job %d was started over REST and is %s, and its host never heard of it", a.ID, a.Status)
		}
	}
	for id := range b.started {
		if played[id] == nil && !slices.ContainsFunc(all, func(a answered) bool { return a.ID == id }) {
			c.say("job %d was started over REST and is nowhere", id)
		}
	}
}

// toHear is how long a wish may take to its host, cut links included.
const toHear = 10 * time.Second

// heard: a wish that was taken in time has ended the job.
func (c *check) heard(p *play, wish time.Time) {
	if wish.IsZero() || p.verdict == nil || p.verdict.Status == string(job.Cancelled) {
		return
	}
	if over := p.verdict.EndedAt.AsTime(); over.Sub(wish) > toHear {
		c.say("job %d was cancelled at %s and went on until %s", p.id, wish.UTC().Format(time.TimeOnly), over.Format(time.TimeOnly))
	}
}

// one compares one job.
func (c *check) one(ctx context.Context, p *play) error {
	var a answered
	err := c.people.insist(ctx, "GET", fmt.Sprintf("/api/backup/status/%d", p.id), nil, &a, "")
	if problem, ok := errors.AsType[*testenv.Problem](err); ok && problem.Status == 404 {
		c.say("job %d is not known", p.id)
		return nil
	}
	if err != nil {
		return fmt.Errorf("status of job %d: %w", p.id, err)
	}
	if p.verdict == nil {
		c.say("job %d has not ended on its host: the run was too short, or its order was lost", p.id)
		return nil
	}
	for what, pair := range c.pairs(p, a) {
		if pair[0] != pair[1] {
			c.say("job %d: %s is %v, and was %v", p.id, what, pair[0], pair[1])
		}
	}
	return c.log(ctx, p)
}

// pairs are what is answered and what was played, by name.
func (c *check) pairs(p *play, a answered) map[string][2]any {
	v, g := p.verdict, p.verdict.Progress
	exit, want := -1, -1
	if a.ExitCode != nil {
		exit = *a.ExitCode
	}
	if v.HasExitCode {
		want = int(v.ExitCode)
	}
	started := ""
	if v.StartedAt != nil {
		started = v.StartedAt.AsTime().UTC().Format("2006-01-02T15:04:05Z")
	}
	archive := v.ArchiveName
	if archive == "" && v.StartedAt != nil {
		archive = p.archive()
	}
	return map[string][2]any{
		"kind":              {a.Kind, string(p.kind)},
		"status":            {a.Status, v.Status},
		"repository":        {a.Repository, p.path},
		"agent":             {a.Agent, p.host},
		"triggered_by":      {a.TriggeredBy, string(p.by)},
		"scheduled_job_id":  {a.Schedule, p.schedule},
		"started_at":        {a.StartedAt, started},
		"completed_at":      {a.CompletedAt, v.EndedAt.AsTime().UTC().Format("2006-01-02T15:04:05Z")},
		"error_code":        {a.ErrorCode, v.ErrorCode},
		"error_message":     {a.ErrorMessage, v.ErrorMessage},
		"exit_code":         {exit, want},
		"archive_name":      {a.ArchiveName, archive},
		"original_size":     {a.Details.Original, g.GetOriginalSize()},
		"compressed_size":   {a.Details.Compressed, g.GetCompressedSize()},
		"deduplicated_size": {a.Details.Deduplicated, g.GetDeduplicatedSize()},
		"nfiles":            {a.Details.Files, g.GetNfiles()},
		"log_complete":      {a.LogComplete, true},
	}
}

// log compares every line.
func (c *check) log(ctx context.Context, p *play) error {
	got, want := newDigest(), newDigest()
	wrong := ""
	for {
		var page struct {
			Lines []testenv.Line
			Total uint64 `json:"total_lines"`
			More  bool   `json:"has_more"`
		}
		path := fmt.Sprintf("/api/backup/logs/%d/stream?offset=%d", p.id, got.lines)
		if err := c.people.insist(ctx, "GET", path, nil, &page, ""); err != nil {
			return fmt.Errorf("log of job %d: %w", p.id, err)
		}
		if page.Total != p.made {
			c.say("job %d: the log has %d lines, and had %d (a controller shows all of them with --log-policy all)", p.id, page.Total, p.made)
			return nil
		}
		for _, l := range page.Lines {
			got.add(l.Number, l.Content)
			if n := got.lines; wrong == "" && (l.Number != n || n > p.made || l.Content != p.text(n)) {
				wrong = fmt.Sprintf("; the first that differs is line %d, as number %d: %q", n, l.Number, strings.ToValidUTF8(l.Content[:min(len(l.Content), 60)], ""))
			}
		}
		if !page.More || len(page.Lines) == 0 {
			break
		}
	}
	for n := uint64(1); n <= p.made; n++ {
		want.add(n, p.text(n))
	}
	if got.lines != want.lines || got.sum() != want.sum() {
		c.say("job %d: %d lines with the hash %.16s, and %d with %.16s were sent%s", p.id, got.lines, got.sum(), want.lines, want.sum(), wrong)
	}
	return nil
}
