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

const (
	conditionsEvery = 15 * time.Second
	// settleTime is how long after its own start the controller tells nobody that a
	// host is away or has no new backup: all hosts are away then, and bring what
	// they did meanwhile.
	settleTime = 10 * time.Minute
	// offlineAfter is the silence that is told; one that reboots or whose link flaps is
	// back before. It is over when the host has stayed for steadyAfter.
	offlineAfter = 15 * time.Minute
	steadyAfter  = time.Minute
	// expiringBefore is when a certificate should long have been renewed: that is
	// begun ten days before its end.
	expiringBefore = 7 * 24 * time.Hour
	// conditionsStep are put into one commit: all the fleet waits for the committer.
	conditionsStep = 64
)

// keepConditions tells what the clock brings about: what begins to be so, and what is
// over. What was told is in the store, so a restart neither repeats nor forgets.
func (s *Service) keepConditions(ctx context.Context) {
	tick := time.NewTicker(conditionsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.lookAtConditions(ctx)
		}
	}
}

// found is a condition that there is now, with what people are told of it.
type found struct {
	store.Condition
	title string
}

// lookout is one look at the whole fleet.
type lookout struct {
	now   map[[2]string]found // by what and subject
	stays map[[2]string]bool  // it is not certain whether it is over
}

func (l *lookout) add(f found) { l.now[[2]string{f.What, f.Subject}] = f }

func (s *Service) lookAtConditions(ctx context.Context) {
	if !notify.Wanted(s.store.Rules()) {
		return
	}
	l, err := s.lookout(ctx)
	if err != nil {
		return // ctx ends
	}
	known := map[[2]string]store.Condition{}
	var changes []func(*store.Tx) error
	for _, c := range s.store.Conditions() {
		key := [2]string{c.What, c.Subject}
		known[key] = c
		if _, still := l.now[key]; !still && !l.stays[key] && s.mayEnd(c) {
			changes = append(changes, func(tx *store.Tx) error { return s.endCondition(tx, c) })
		}
	}
	for _, f := range l.inOrder() {
		if old, told := known[[2]string{f.What, f.Subject}]; !told || f.Count > old.Count {
			changes = append(changes, func(tx *store.Tx) error { return s.beginCondition(tx, f) })
		} else if f.Count < old.Count { // some are back: one more that goes is news again
			changes = append(changes, func(tx *store.Tx) error { return s.lessen(tx, f) })
		}
	}
	for some := range slices.Chunk(changes, conditionsStep) {
		s.update(ctx, "tell what lasts", len(some), func(tx *store.Tx) error {
			for _, change := range some {
				if err := change(tx); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

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

// mayEnd: a failure ends with a good job, or with its repository.
func (s *Service) mayEnd(c store.Condition) bool {
	if c.What != string(notify.Failure) {
		return true
	}
	_, there := s.store.Repository(c.Repository)
	return !there
}

func (s *Service) lookout(ctx context.Context) (*lookout, error) {
	l := &lookout{now: map[[2]string]found{}, stays: map[[2]string]bool{}}
	for _, a := range s.store.AgentsByID() {
		if !a.Revoked {
			s.lookAtAgent(l, *a)
		}
	}
	return l, s.eachHost(ctx, nil, 0, func(v HostView) { s.lookAtHost(l, v) })
}

func (s *Service) settling() bool { return s.now().Sub(s.born) < settleTime }

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

// beginCondition tells that something begins to be so, or that it is more of it, and
// remembers it in the same commit.
func (s *Service) beginCondition(tx *store.Tx, f found) error {
	if old, lasts := tx.Condition(f.What, f.Subject); lasts {
		if old.Count >= f.Count {
			return nil
		}
		f.Since = old.Since
	}
	e := s.eventAbout(tx, f.Condition)
	e.Event, e.Title, e.Message, e.Since = notify.Kind(f.What), f.title, f.Message, notify.At(f.Since)
	if err := notify.Tell(tx, e); err != nil {
		return err
	}
	f.Message = f.title + ": " + f.Message
	return tx.PutCondition(f.Condition)
}

func (s *Service) lessen(tx *store.Tx, f found) error {
	c, lasts := tx.Condition(f.What, f.Subject)
	if !lasts {
		return nil
	}
	c.Count, c.Message = f.Count, f.title+": "+f.Message
	return tx.PutCondition(c)
}

// endCondition tells that something is over. What it was about may be gone itself:
// there is nothing to say then.
func (s *Service) endCondition(tx *store.Tx, c store.Condition) error {
	if _, lasts := tx.Condition(c.What, c.Subject); !lasts {
		return nil
	}
	if err := tx.DeleteCondition(c.What, c.Subject); err != nil {
		return err
	}
	a, there := tx.Agent(c.Agent)
	repo, registered := tx.Repository(c.Repository)
	if !there || a.Revoked || c.Repository != 0 && !registered {
		return nil
	}
	e := s.eventAbout(tx, c)
	e.Event, e.RecoveredFrom, e.Since = notify.Recovered, notify.OrNull(notify.Kind(c.What)), notify.At(c.Since)
	e.Title = endOf(notify.Kind(c.What), a.Name, nameOfRepository(repo)+" on "+a.Name)
	e.Message = fmt.Sprintf("Told since %s: %s", moment(c.Since), c.Message)
	return notify.Tell(tx, e)
}

func endOf(what notify.Kind, agent, repository string) string {
	switch what {
	case notify.Offline:
		return agent + " is back"
	case notify.Expiring:
		return "the certificate of " + agent + " is a new one"
	case notify.Stale:
		return repository + " has a new backup"
	case notify.Shrunk:
		return "the backup of " + repository + " has a normal size again"
	case notify.Vanished:
		return "no archives are missing from " + repository + " any more"
	}
	return repository + " is as it should be"
}

func (s *Service) eventAbout(tx *store.Tx, c store.Condition) notify.Event {
	a, _ := tx.Agent(c.Agent)
	e := notify.Event{At: *notify.At(s.now()), Agent: agentTold(a, s.calledName(c.Agent), c.Agent)}
	if repo, ok := tx.Repository(c.Repository); ok {
		e.Repository = &notify.Repository{ID: repo.ID, Name: repo.Name, Path: repo.Path}
	}
	return e
}
