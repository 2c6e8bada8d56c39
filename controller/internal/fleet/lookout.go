package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/term"
)

// found is a condition that there is now, with what people are told of it.
type found struct {
	store.Condition
	title string
}

// lookout is one look at the whole fleet.
type lookout struct {
	now   map[[2]string]found // by what and subject
	stays map[[2]string]bool  // it is not certain whether it is over
	hosts map[int64]HostView  // the repositories of which something was told and lasts
}

func (l *lookout) add(f found) { l.now[[2]string{f.What, f.Subject}] = f }

// inOrder: people read them one after another.
func (l *lookout) inOrder() []found {
	out := make([]found, 0, len(l.now))
	for _, f := range l.now {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b found) int {
		return cmp.Or(a.Since.Compare(b.Since), compareTexts(a.title, b.title, a.What, b.What))
	})
	return out
}

func (s *Service) lookout(ctx context.Context) (*lookout, error) {
	l := &lookout{now: map[[2]string]found{}, stays: map[[2]string]bool{}, hosts: map[int64]HostView{}}
	lasting := map[int64]bool{}
	for _, c := range s.store.Conditions() {
		lasting[c.Repository] = true
	}
	for _, a := range s.store.AgentsByID() {
		if !a.Revoked {
			s.lookAtAgent(l, *a)
		}
	}
	return l, s.eachHost(ctx, nil, 0, func(v HostView) {
		if lasting[v.Repository] {
			l.hosts[v.Repository] = v
		}
		s.lookAtHost(l, v)
	})
}

// settling says whether hosts may still have to tell what they did while this
// controller was not there, or stood still.
func (s *Service) settling() bool {
	if woken := s.woken.Load(); woken != nil {
		if d := s.now().Round(0).Sub(*woken); d >= 0 && d < settleTime {
			return true
		}
	}
	return s.now().Sub(s.born) < settleTime
}

// longGap between two looks is no busy machine: it was suspended, or its clock was set.
const longGap = 2 * time.Minute

// noteLook finds that time has gone by in which nobody could look. It goes by the wall:
// the other clock stands still in a machine that is suspended.
func (s *Service) noteLook() {
	now := s.now().Round(0)
	if !s.looked.IsZero() && now.Sub(s.looked) > longGap {
		s.woken.Store(&now)
	}
	s.looked = now
}

func (s *Service) lookAtAgent(l *lookout, a store.Agent) {
	now := s.now()
	key := [2]string{string(notify.Offline), a.ID}
	switch silent := s.silentFor(a.ID); {
	case silent > offlineAfter && !s.settling():
		since := later(s.lastContact(a), a.EnrolledAt)
		l.add(found{
			Condition: store.Condition{What: key[0], Subject: a.ID, Since: since, Agent: a.ID, Message: fmt.Sprintf("It has not been heard of since %s.", moment(since))},
			title:     a.Name + " is offline",
		})
	case silent > 0, !s.steady(a.ID):
		l.stays[key] = true
	}
	if end := a.CertificateExpiresAt; !end.IsZero() && end.Sub(now) < expiringBefore {
		l.add(found{
			Condition: store.Condition{
				What: string(notify.Expiring), Subject: a.ID, Since: now.UTC(), Agent: a.ID,
				Message: fmt.Sprintf("It expires at %s, and the agent should have had a new one long ago. Look at the host: borgfleet-agent doctor says what is in the way.", moment(end)),
			},
			title: "the certificate of " + a.Name + " expires",
		})
	}
}

// steady says whether an agent has been there for a while: one whose link flaps is
// not back yet.
func (s *Service) steady(agent string) bool {
	se := s.session(agent)
	return se != nil && se.online() && s.now().Sub(se.began) >= steadyAfter
}

func (s *Service) lookAtHost(l *lookout, v HostView) {
	subject := strconv.FormatInt(v.Repository, 10)
	of := store.Condition{Subject: subject, Agent: v.AgentID, Repository: v.Repository, Since: s.now().UTC()}
	name := v.Name + " on " + v.AgentName
	if v.Stale {
		c := of
		c.What, c.Message = string(notify.Stale), v.Why+"."
		if s.settling() {
			l.stays[[2]string{c.What, subject}] = true
		} else {
			l.add(found{c, name + " has no new backup"})
		}
	}
	if v.Shrunk() {
		c := of
		c.What = string(notify.Shrunk)
		c.Message = fmt.Sprintf("It read %s, and the last of a normal size, job %d, %s. Look at what is missing; borgfleet-controller repositories accept-size %d says that it is meant to be so.",
			term.Size(v.Good.Original), v.Normal.ID, term.Size(v.Normal.Original), v.Repository)
		l.add(found{c, fmt.Sprintf("the backup of %s is less than half of what it was", name)})
	}
	if head, ok := s.store.Catalogue(v.Repository); ok && head.Vanished > 0 {
		c := of
		c.What, c.Count, c.Message = string(notify.Vanished), head.Vanished, s.aboutVanished(v.Repository)
		l.add(found{c, fmt.Sprintf("%s gone from %s", archivesAre(int(head.Vanished)), name)})
	}
}

func (s *Service) aboutVanished(repository int64) string {
	gone, err := s.vanished(repository)
	if err != nil {
		s.log.Error("read vanished archives", "repository", repository, "err", err)
	}
	return fmt.Sprintf("No job of ours removed them: %s. Compacts are held back. Find out who did it; borgfleet-controller repositories acknowledge-vanished %d says that it was meant.", namesOf(gone), repository)
}
