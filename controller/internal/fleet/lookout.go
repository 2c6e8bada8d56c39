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
	told  []store.Condition             // and lasts, the oldest first
	known map[[2]string]store.Condition // the same by what and subject
	wants func(store.Condition) bool    // whether anybody is to be told
	now   map[[2]string]bool            // of that, what is still so, and as it was
	news  []found                       // what is so, and was not, or is more or less of it
	stays map[[2]string]bool            // it is not certain whether it is over
	hosts map[int64]HostView            // the repositories that something known is about
}

// see notes something that is so. It asks for the words only if they are news: in a
// fleet that is in a bad way all the rest is as it was.
func (l *lookout) see(c store.Condition, words func() (title, message string)) {
	key := [2]string{c.What, c.Subject}
	l.now[key] = true
	if old, told := l.known[key]; told && old.Count == c.Count || !told && !l.wants(c) {
		return
	}
	f := found{Condition: c}
	f.title, f.Message = words()
	l.news = append(l.news, f)
}

// inOrder: people read them one after another.
func (l *lookout) inOrder() []found {
	slices.SortFunc(l.news, func(a, b found) int {
		return cmp.Or(a.Since.Compare(b.Since), compareTexts(a.title, b.title, a.What, b.What))
	})
	return l.news
}

func (s *Service) lookout(ctx context.Context) (*lookout, error) {
	rules := s.store.Rules()
	l := &lookout{told: s.store.Conditions(), known: map[[2]string]store.Condition{}, now: map[[2]string]bool{}, stays: map[[2]string]bool{}, hosts: map[int64]HostView{}}
	l.wants = func(c store.Condition) bool {
		return len(notify.Channels(rules, s.eventOfFound(s.store, found{Condition: c}))) > 0
	}
	about := map[int64]bool{}
	for _, c := range l.told {
		l.known[[2]string{c.What, c.Subject}] = c
		about[c.Repository] = true
	}
	for _, a := range s.store.AgentsByID() {
		if !a.Revoked {
			s.lookAtAgent(l, *a)
		}
	}
	return l, s.eachHost(ctx, nil, 0, func(v HostView) {
		if about[v.Repository] {
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
	of := store.Condition{Subject: a.ID, Agent: a.ID, Since: now.UTC()}
	switch silent := s.silentFor(a.ID); {
	case silent > offlineAfter && !s.settling():
		c := of
		c.What, c.Since = string(notify.Offline), later(s.lastContact(a), a.EnrolledAt)
		l.see(c, func() (string, string) {
			return a.Name + " is offline", fmt.Sprintf("It has not been heard of since %s.", moment(c.Since))
		})
	case silent > 0, !s.steady(a.ID):
		l.stays[[2]string{string(notify.Offline), a.ID}] = true
	}
	if end := a.CertificateExpiresAt; !end.IsZero() && end.Sub(now) < expiringBefore {
		c := of
		c.What, c.Stood = string(notify.Expiring), end
		l.see(c, func() (string, string) {
			return "the certificate of " + a.Name + " expires",
				fmt.Sprintf("It expires at %s, and the agent should have had a new one long ago. Look at the host: borgfleet-agent doctor says what is in the way.", moment(end))
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
	of := store.Condition{Subject: strconv.FormatInt(v.Repository, 10), Agent: v.AgentID, Repository: v.Repository, Since: s.now().UTC()}
	name := func() string { return v.Name + " on " + v.AgentName }
	if v.Stale {
		c := of
		c.What, c.Stood = string(notify.Stale), v.Good.CreatedAt
		if s.settling() {
			l.stays[[2]string{c.What, c.Subject}] = true
		} else {
			l.see(c, func() (string, string) { return name() + " has no new backup", v.Why + "." })
		}
	}
	if v.Shrunk() {
		c := of
		c.What = string(notify.Shrunk)
		l.see(c, func() (string, string) {
			return fmt.Sprintf("the backup of %s is less than half of what it was", name()),
				fmt.Sprintf("It read %s, and the last of a normal size, job %d, %s. Look at what is missing; borgfleet-controller repositories accept-size %d says that it is meant to be so.",
					term.Size(v.Good.Original), v.Normal.ID, term.Size(v.Normal.Original), v.Repository)
		})
	}
	if head, ok := s.store.Catalogue(v.Repository); ok && head.Vanished > 0 {
		c := of
		c.What, c.Count = string(notify.Vanished), head.Vanished
		l.see(c, func() (string, string) {
			return fmt.Sprintf("%s gone from %s", archivesAre(int(head.Vanished)), name()), s.aboutVanished(v.Repository)
		})
	}
}

func (s *Service) aboutVanished(repository int64) string {
	gone, err := s.vanished(repository)
	if err != nil {
		s.log.Error("read vanished archives", "repository", repository, "err", err)
	}
	return fmt.Sprintf("No job of ours removed them: %s. Compacts are held back. Find out who did it; borgfleet-controller repositories acknowledge-vanished %d says that it was meant.", namesOf(gone), repository)
}
