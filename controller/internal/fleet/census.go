package fleet

import (
	"context"
	"sync"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Census is the fleet at one moment, counted.
type Census struct {
	Agents       []AgentState // in no order, without those that were revoked
	Revoked      int
	Running      int
	Waiting      map[WaitReason]int // every reason is there
	ListsWaiting int                // lists of archives that are not in the catalogue yet
}

// AgentState is how an agent is.
type AgentState struct {
	Name                 string
	Online               bool
	LastContactAt        time.Time // zero: never
	CertificateExpiresAt time.Time
}

// Census counts the fleet. It reads memory only, and holds nobody up.
func (s *Service) Census() Census {
	reasons := waitReasons()
	c := Census{Waiting: map[WaitReason]int{WaitOnHost: 0}, ListsWaiting: len(s.store.NewLists())}
	for _, reason := range reasons {
		c.Waiting[reason] = 0
	}
	in := s.onceRead()
	for _, a := range s.store.AgentsByID() {
		if a.Revoked {
			c.Revoked++
		} else {
			c.Agents = append(c.Agents, AgentState{
				Name: a.Name, Online: s.online(a.ID), LastContactAt: s.lastContact(*a), CertificateExpiresAt: a.CertificateExpiresAt,
			})
		}
		s.countJobs(&c, *a, reasons, in)
	}
	return c
}

func (s *Service) countJobs(c *Census, a store.Agent, reasons map[string]WaitReason, in books) {
	active := s.store.Active(a.ID)
	look := sync.OnceValue(func() world { return s.world(a, active, in) })
	for _, j := range active {
		if j.Status != job.Pending {
			c.Running++
			continue
		}
		reason, known := reasons[s.whyPending(j, a, look).why]
		if !known {
			reason = WaitOnHost
		}
		c.Waiting[reason]++
	}
}

// readOnce are the books for many questions at once: what is copied for an answer
// is copied once.
type readOnce struct {
	*store.Store
	repositories func() []store.Repository
	newLists     func() []store.NewList
}

func (s *Service) onceRead() books {
	return readOnce{s.store, sync.OnceValue(s.store.Repositories), sync.OnceValue(s.store.NewLists)}
}

func (r readOnce) Repositories() []store.Repository { return r.repositories() }

func (r readOnce) NewLists() []store.NewList { return r.newLists() }

// BackupState is how well one repository of a host is backed up, with figures.
type BackupState struct {
	HostView
	Took     time.Duration // the newest good backup ran for; this and Dedup: 0 if there is none
	Dedup    int64         // bytes that it added to the repository
	Vanished int64         // archives that have gone, and no job of ours removed them
}

// BackupStates says how well everything is backed up, in no order. Of a good
// backup that it has not met before it reads the job; all else is in memory.
func (s *Service) BackupStates(ctx context.Context) ([]BackupState, error) {
	out := []BackupState{}
	err := s.eachHost(ctx, nil, 0, func(v HostView) {
		last := s.lastTook(v.Repository, v.Good)
		head, _ := s.store.Catalogue(v.Repository)
		out = append(out, BackupState{HostView: v, Took: last.time, Dedup: last.dedup, Vanished: head.Vanished})
	})
	return out, err
}
