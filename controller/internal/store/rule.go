package store

import (
	"time"

	storev1 "borgfleet/shared/proto/store/v1"
)

// Rule says which events go to which channels. What is empty is no condition.
type Rule struct {
	ID           int64
	Name         string
	Enabled      bool
	Events       []string
	Kinds        []string // of jobs
	Agents       []string // ids
	Labels       []string // key=value; one of them is enough
	Repositories []int64
	Channels     []int64
	CreatedAt    time.Time
	By           string // who made it
}

// NewRuleID gives an id that no rule has had.
func (tx *Tx) NewRuleID() int64 {
	id := tx.s.next.rule
	tx.s.next.rule++
	tx.keep(tx.set([]byte(nextRuleKey), number(uint64(tx.s.next.rule))))
	return id
}

// PutRule stores a rule, new or changed.
func (tx *Tx) PutRule(r Rule) error {
	p := &storev1.Rule{
		Id: r.ID, Name: text(r.Name), Enabled: r.Enabled, Events: r.Events, Kinds: r.Kinds, Agents: r.Agents,
		Labels: r.Labels, Repositories: r.Repositories, Channels: r.Channels, CreatedAt: stamp(r.CreatedAt), By: text(r.By),
	}
	return putRecord(tx, idKey(rulePrefix, r.ID), p, rulesOf, r.ID, r)
}

// DeleteRule removes a rule. What it has brought about is delivered.
func (tx *Tx) DeleteRule(id int64) error { return removeRecord(tx, idKey(rulePrefix, id), rulesOf, id) }

// Rule gives the rule with this id.
func (tx *Tx) Rule(id int64) (Rule, bool) { return tx.s.working.rules.get(id) }

// Rules gives all rules by id.
func (tx *Tx) Rules() []Rule { return sortedRules(&tx.s.working) }

// Rule gives the rule with this id.
func (s *Store) Rule(id int64) (Rule, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.rules.get(id)
}

// Rules gives all rules by id.
func (s *Store) Rules() []Rule {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedRules(&s.published)
}

func sortedRules(st *state) []Rule {
	return st.rules.sorted(func(a, b *Rule) int { return int(a.ID - b.ID) })
}

func rulesOf(st *state) table[int64, Rule] { return st.rules }

func ruleFromProto(p *storev1.Rule) Rule {
	return Rule{
		ID: p.Id, Name: p.Name, Enabled: p.Enabled, Events: p.Events, Kinds: p.Kinds, Agents: p.Agents,
		Labels: p.Labels, Repositories: p.Repositories, Channels: p.Channels, CreatedAt: instant(p.CreatedAt), By: p.By,
	}
}
