package store

import (
	"cmp"
	"time"

	storev1 "borgfleet/shared/proto/store/v1"
)

// Condition is something that was told and lasts. It is what keeps a restart from
// telling it again, and from forgetting to say that it is over.
type Condition struct {
	What       string
	Subject    string // of what, in words that stay the same
	Since      time.Time
	Count      int64 // of things that are so, where it can become more of them
	Message    string
	Agent      string    // id
	Repository int64     // 0: none
	Stood      time.Time // of what it goes by: when the last good backup was made, or the certificate ends; zero: there was none, or none counts
}

type conditionID struct{ what, subject string }

func (c Condition) id() conditionID { return conditionID{c.What, c.Subject} }

// PutCondition stores a condition, new or changed.
func (tx *Tx) PutCondition(c Condition) error {
	p := &storev1.Condition{
		What: c.What, Subject: text(c.Subject), Since: stamp(c.Since), Count: c.Count, Message: text(c.Message),
		Agent: c.Agent, Repository: c.Repository, Stood: stamp(c.Stood),
	}
	return putRecord(tx, conditionKey(c.What, c.Subject), p, conditionsOf, c.id(), c)
}

// DeleteCondition says that it is over.
func (tx *Tx) DeleteCondition(what, subject string) error {
	return removeRecord(tx, conditionKey(what, subject), conditionsOf, conditionID{what, subject})
}

// Condition gives one that lasts.
func (tx *Tx) Condition(what, subject string) (Condition, bool) {
	return tx.s.working.conditions.get(conditionID{what, subject})
}

// Conditions gives all that last, the oldest first.
func (s *Store) Conditions() []Condition {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.conditions.sorted(func(a, b *Condition) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.What, b.What), cmp.Compare(a.Subject, b.Subject))
	})
}

func conditionsOf(st *state) table[conditionID, Condition] { return st.conditions }

func conditionFromProto(p *storev1.Condition) Condition {
	return Condition{
		What: p.What, Subject: p.Subject, Since: instant(p.Since), Count: p.Count, Message: p.Message,
		Agent: p.Agent, Repository: p.Repository, Stood: instant(p.Stood),
	}
}
