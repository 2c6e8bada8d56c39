package fleet

import (
	"context"
	"fmt"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

const (
	conditionsEvery = 15 * time.Second
	// settleTime is how long after its own start, or after it stood still, the
	// controller tells nobody that a host is away or has no new backup: all hosts are
	// away then, and bring what they did meanwhile.
	settleTime = 10 * time.Minute
	// offlineAfter is the silence that is told; one that reboots or whose link flaps is
	// back before. It is over when the host has stayed for steadyAfter.
	offlineAfter = 15 * time.Minute
	steadyAfter  = time.Minute
	// expiringBefore is when a certificate should long have been renewed: that is
	// begun ten days before its end.
	expiringBefore = 7 * 24 * time.Hour
	// conditionsStep are put into one commit at most.
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
			s.noteLook()
			s.lookAtConditions(ctx)
		}
	}
}

func (s *Service) lookAtConditions(ctx context.Context) {
	if !notify.Wanted(s.store.Rules()) && len(s.store.Conditions()) == 0 {
		return // without a rule what was told still ends: it is shown as what lasts
	}
	l, err := s.lookout(ctx)
	if err != nil {
		return // ctx ends
	}
	s.makeChanges(ctx, s.conditionChanges(l))
}

// conditionChanges are what is to be told after a look. What nobody wants to hear of
// is no change: it is looked at again when there is a rule for it.
func (s *Service) conditionChanges(l *lookout) (changes []func(*store.Tx) error) {
	for _, c := range l.told {
		key := [2]string{c.What, c.Subject}
		if !l.now[key] && !l.stays[key] && s.mayEnd(c) {
			title := s.titleOfEnd(c, l.hosts[c.Repository])
			changes = append(changes, func(tx *store.Tx) error { return s.endCondition(tx, c, title) })
		}
	}
	for _, f := range l.inOrder() {
		if old, told := l.known[[2]string{f.What, f.Subject}]; told && f.Count < old.Count {
			// Some are back: one more that goes is news again.
			changes = append(changes, func(tx *store.Tx) error { return s.lessen(tx, f) })
		} else {
			changes = append(changes, func(tx *store.Tx) error { return s.beginCondition(tx, f) })
		}
	}
	return changes
}

// mostRefused changes are tried in a row when the store refuses: its disk is full then,
// and the next look tries again.
const mostRefused = 3

// makeChanges puts some into each commit: all the fleet waits for the committer, and
// an event for many channels is big. One that cannot be stored keeps no other.
func (s *Service) makeChanges(ctx context.Context, changes []func(*store.Tx) error) {
	for step, refused := conditionsStep, 0; len(changes) > 0 && ctx.Err() == nil && refused < mostRefused; {
		made := 0
		err := s.store.Update(ctx, func(tx *store.Tx) error {
			for made = 0; made < min(len(changes), step) && !tx.Full(); made++ {
				if err := changes[made](tx); err != nil {
					return err
				}
			}
			return nil
		})
		switch {
		case err == nil:
			changes, refused = changes[made:], 0
		case step > 1:
			step = 1
		default:
			s.log.Error("tell what lasts", "waiting", len(changes), "err", err)
			changes, refused = changes[1:], refused+1
		}
	}
}

// mayEnd: a failure ends with a good job, or with its repository or host.
func (s *Service) mayEnd(c store.Condition) bool {
	if c.What != string(notify.Failure) {
		return true
	}
	_, registered := s.store.Repository(c.Repository)
	a, enrolled := s.store.Agent(c.Agent)
	return !registered || !enrolled || a.Revoked
}

// beginCondition tells that something begins to be so, or that it is more of it, and
// remembers it in the same commit.
func (s *Service) beginCondition(tx *store.Tx, f found) error {
	if old, lasts := tx.Condition(f.What, f.Subject); lasts {
		if old.Count >= f.Count {
			return nil
		}
		f.Since = old.Since
	} else if len(notify.Channels(tx.Rules(), s.eventOfFound(tx, f))) == 0 {
		return nil // the rule has gone meanwhile
	}
	if err := notify.Tell(tx, s.eventOfFound(tx, f)); err != nil {
		return err
	}
	f.Message = f.title + ": " + f.Message
	return tx.PutCondition(f.Condition)
}

// registry is the store, or an update of it.
type registry interface {
	Agent(id string) (store.Agent, bool)
	Repository(id int64) (store.Repository, bool)
}

func (s *Service) eventOfFound(in registry, f found) notify.Event {
	e := s.eventAbout(in, f.Condition)
	e.Event, e.Title, e.Message, e.Since = notify.Kind(f.What), f.title, f.Message, notify.At(f.Since)
	return e
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
func (s *Service) endCondition(tx *store.Tx, c store.Condition, title string) error {
	if _, lasts := tx.Condition(c.What, c.Subject); !lasts {
		return nil
	}
	if err := tx.DeleteCondition(c.What, c.Subject); err != nil {
		return err
	}
	a, there := tx.Agent(c.Agent)
	_, registered := tx.Repository(c.Repository)
	if !there || a.Revoked || c.Repository != 0 && !registered {
		return nil
	}
	e := s.eventAbout(tx, c)
	e.Event, e.RecoveredFrom, e.Since = notify.Recovered, notify.OrNull(notify.Kind(c.What)), notify.At(c.Since)
	e.Title = title
	e.Message = fmt.Sprintf("Told since %s: %s", moment(c.Since), c.Message)
	return notify.Tell(tx, e)
}

// titleOfEnd says what is so now, and no more: that nothing is expected of a repository any
// more is no new backup, and a size that somebody accepted is not the old one.
func (s *Service) titleOfEnd(c store.Condition, v HostView) string {
	a, _ := s.store.Agent(c.Agent)
	repo, _ := s.store.Repository(c.Repository)
	name := nameOfRepository(repo) + " on " + a.Name
	switch notify.Kind(c.What) {
	case notify.Offline:
		return a.Name + " is back"
	case notify.Expiring:
		if c.Stood.IsZero() || a.CertificateExpiresAt.Equal(c.Stood) {
			return "the certificate of " + a.Name + " is not near its end any more"
		}
		return "the certificate of " + a.Name + " is a new one"
	case notify.Stale:
		return titleOfNotStale(c, v, name)
	case notify.Shrunk:
		if v.Good.ID != 0 && v.Good.CreatedAt.Equal(repo.SizesAcceptedFrom) {
			return "the size of the backup of " + name + " was accepted"
		}
		return "the backup of " + name + " has a normal size again"
	case notify.Vanished:
		return "what was gone from " + name + " is back, or was acknowledged"
	}
	return name + " is as it should be"
}

// titleOfNotStale: a schedule that expects less, or a clock that was set back, is no
// new backup.
func titleOfNotStale(c store.Condition, v HostView, name string) string {
	switch {
	case !v.Scheduled:
		return "no backup of " + name + " is overdue any more: no schedule expects one now"
	case v.Good.ID == 0:
		return "no backup of " + name + " is overdue by its schedule as it is now; there is no good one yet"
	case !v.Good.CreatedAt.After(c.Stood):
		return fmt.Sprintf("no backup of %s is overdue by its schedule as it is now; the last good one is of %s", name, moment(v.Good.CreatedAt))
	}
	return name + " is backed up as often as it should be again"
}

func (s *Service) eventAbout(in registry, c store.Condition) notify.Event {
	a, _ := in.Agent(c.Agent)
	e := notify.Event{At: *notify.At(s.now()), Agent: agentTold(a, s.calledName(c.Agent), c.Agent)}
	if repo, ok := in.Repository(c.Repository); ok {
		e.Repository = &notify.Repository{ID: repo.ID, Name: repo.Name, Path: repo.Path}
	}
	return e
}
