package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"borgfleet/scripts/testenv"
)

// script is what people do with the fleet.
type script struct {
	f      *fleet
	people *people
	draw   *rand.Rand

	plain     []*host       // whose backups people start
	scheduled int           // hosts that a schedule has
	busy      map[*host]int // plain hosts with a backup, and how many there are
	late      atomic.Int64  // cancels that came after the end
}

func newScript(f *fleet, p *people) *script {
	return &script{f: f, people: p, draw: rand.New(rand.NewPCG(f.o.seed, 1)), busy: map[*host]int{}}
}

func path(h *host) string { return "/sim/" + h.name }

// register makes a repository for each host, over REST, and the schedules. Its init
// is played by the host.
func (s *script) register(ctx context.Context) error {
	known, err := s.people.known()
	if err != nil {
		return err
	}
	g, each := errgroup.WithContext(ctx)
	g.SetLimit(callers)
	ids := make([]int64, len(s.f.hosts))
	for i, h := range s.f.hosts {
		if ids[i] = known[path(h)]; ids[i] != 0 {
			continue
		}
		g.Go(func() error {
			var out struct{ ID int64 }
			err := s.people.insist(each, "POST", "/api/repositories", map[string]any{
				"name": h.name, "path": path(h), "agent": h.name, "encryption": "none", "source_directories": []string{"/srv", "/etc"},
			}, &out, "")
			if err != nil {
				return fmt.Errorf("register a repository of %s: %w", h.name, err)
			}
			ids[i] = out.ID
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.schedule(ctx, ids)
}

// schedule puts a part of the hosts on a schedule that is due each minute.
func (s *script) schedule(ctx context.Context, ids []int64) error {
	s.scheduled = len(ids) * s.f.o.scheduled / 100
	s.plain = s.f.hosts[s.scheduled:]
	if s.scheduled == 0 {
		return nil
	}
	return s.people.insist(ctx, "POST", "/api/schedule", map[string]any{
		"name": "fleetsim " + uuid.NewString()[:8], "cron_expression": "* * * * *", "timezone": "UTC", "repository_ids": ids[:s.scheduled],
		"enabled": true, "splay": 10, "catch_up": 3600, "overlap": "skip",
	}, nil, "")
}

// play keeps so many backups running until ctx ends. Two of three are started
// over REST, the others by hosts.
func (s *script) play(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx)) // what was begun is brought to its end
	defer stop()
	g, work := errgroup.WithContext(work)
	g.SetLimit(callers)
	idle := s.draw.Perm(len(s.plain))
	freed := map[*host]int{}
	for i, h := range s.plain {
		freed[h] = i
	}
	running := 0
	for ctx.Err() == nil {
		for running < s.f.o.running && len(idle) > 0 {
			h := s.plain[idle[0]]
			idle = idle[1:]
			s.busy[h]++
			running++
			if s.draw.IntN(3) == 0 {
				if ok, err := h.backUp(time.Now()); err != nil {
					return err
				} else if ok {
					continue
				}
			}
			g.Go(func() error { return s.start(work, h) })
		}
		select {
		case <-ctx.Done():
		case h := <-s.f.freed:
			if i, ok := freed[h]; ok && s.busy[h] > 0 {
				s.busy[h]--
				running--
				idle = append(idle, i)
			}
		}
	}
	return g.Wait()
}

// start starts a backup over REST: one, however often it has to be asked for.
func (s *script) start(ctx context.Context, h *host) error {
	asked := time.Now()
	var out struct {
		ID int64 `json:"job_id"`
	}
	once, err := s.people.insisted(ctx, "POST", "/api/backup/start", map[string]any{"repository": path(h)}, &out, uuid.NewString())
	if err != nil {
		return fmt.Errorf("start a backup of %s: %w", h.name, err)
	}
	s.f.books.asked(out.ID, start{path: path(h), asked: asked, once: once})
	return nil
}

// cancel cancels what the plans say, until ctx ends.
func (s *script) cancel(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(callers / 4)
	for {
		select {
		case <-ctx.Done():
			return g.Wait()
		case id := <-s.f.cancels:
			g.Go(func() error { return s.cancelOne(ctx, id) })
		}
	}
}

func (s *script) cancelOne(ctx context.Context, id int64) error {
	err := s.people.insist(ctx, "POST", fmt.Sprintf("/api/backup/cancel/%d", id), map[string]any{}, nil, "")
	if problem, ok := errors.AsType[*testenv.Problem](err); ok && problem.Status == http.StatusBadRequest {
		s.late.Add(1)
		return nil
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("cancel job %d: %w", id, err)
	}
	s.f.books.cancelled(id, time.Now())
	return nil
}
