package deliver

import (
	"context"
	"fmt"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/definitions"
)

// MostRules bounds what is looked at in each commit that tells something.
const MostRules = 100

// Rules gives all rules by id.
func (p *Post) Rules() []store.Rule { return p.Store.Rules() }

// Rule gives one.
func (p *Post) Rule(id int64) (store.Rule, error) {
	r, ok := p.Store.Rule(id)
	if !ok {
		return r, noSuchRule(id)
	}
	return r, nil
}

func noSuchRule(id int64) error {
	return fault.New(fault.NotFound, "rule_not_found", "there is no rule %d", id)
}

// CreateRule makes a rule.
func (p *Post) CreateRule(ctx context.Context, r store.Rule) (store.Rule, error) {
	err := p.Store.Update(ctx, func(tx *store.Tx) error {
		if len(tx.Rules()) >= MostRules {
			return fault.New(fault.Conflict, "too_many_rules", "there are %d rules, which is the most", MostRules)
		}
		var err error
		if r, err = checkRule(tx, r); err != nil {
			return err
		}
		r.ID, r.CreatedAt = tx.NewRuleID(), p.Now().UTC()
		tx.About(ruleName(r.ID), r.Name)
		return tx.PutRule(r)
	})
	return r, err
}

// ChangeRule changes a rule by change, which is given how it is.
func (p *Post) ChangeRule(ctx context.Context, id int64, change func(store.Rule) store.Rule) (r store.Rule, err error) {
	err = p.Store.Update(ctx, func(tx *store.Tx) error {
		old, ok := tx.Rule(id)
		if !ok {
			return noSuchRule(id)
		}
		r = change(old)
		r.ID, r.CreatedAt, r.By = old.ID, old.CreatedAt, old.By
		if r, err = checkRule(tx, r); err != nil {
			return err
		}
		tx.About(ruleName(id), r.Name)
		return tx.PutRule(r)
	})
	return r, err
}

// DeleteRule removes a rule. What waits already is delivered.
func (p *Post) DeleteRule(ctx context.Context, id int64) error {
	return p.Store.Update(ctx, func(tx *store.Tx) error {
		r, ok := tx.Rule(id)
		if !ok {
			return noSuchRule(id)
		}
		tx.About(ruleName(id), r.Name)
		return tx.DeleteRule(id)
	})
}

// Conditions gives what was told and lasts, the oldest first.
func (p *Post) Conditions() []store.Condition { return p.Store.Conditions() }

func ruleName(id int64) string { return fmt.Sprintf("rule/%d", id) }

// checkRule: what a rule names must be there. Names of agents become their ids.
func checkRule(tx *store.Tx, r store.Rule) (store.Rule, error) {
	if why := definitions.WrongTogether(r.Events); why != "" {
		return r, fault.InvalidField("body.events", "%s", why)
	}
	for i, id := range r.Channels {
		if _, ok := tx.Channel(id); !ok {
			return r, fault.InvalidField(fmt.Sprintf("body.channels[%d]", i), "there is no channel %d", id)
		}
	}
	for i, id := range r.Repositories {
		if _, ok := tx.Repository(id); !ok {
			return r, fault.InvalidField(fmt.Sprintf("body.repositories[%d]", i), "there is no repository %d", id)
		}
	}
	var agents []string
	for i, ref := range r.Agents {
		a, ok := tx.Agent(ref)
		if !ok {
			a, ok = tx.AgentByName(ref)
		}
		if !ok {
			return r, fault.InvalidField(fmt.Sprintf("body.agents[%d]", i), "no agent %q is enrolled", ref)
		}
		agents = append(agents, a.ID)
	}
	r.Agents = agents
	for _, other := range tx.Rules() {
		if other.Name == r.Name && other.ID != r.ID {
			return r, fault.New(fault.Conflict, "name_taken", "rule %d has this name", other.ID)
		}
	}
	return r, nil
}
