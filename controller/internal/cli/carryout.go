package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/plan"
	"borgfleet/shared/definitions"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// applying carries a plan out.
type applying struct {
	k        *controller
	c        *cli.Context
	cl       *client.Client
	recovery string // key that passphrases are sealed to besides
	secrets  *definedSecrets
	made     map[plan.Use]int64 // what has been made, without id and name of a repository
	maybe    map[plan.Use]bool  // what may have been made, likewise
}

// carryOut does what is planned, one after the other. What fails keeps nothing
// else from being done, but what names it.
func (k *controller) carryOut(ctx context.Context, c *cli.Context, cl *client.Client, p applyPlan) error {
	a := applying{k, c, cl, p.recovery, p.secrets, map[plan.Use]int64{}, map[plan.Use]bool{}}
	t := tally{all: len(p.Changes) - p.Count(plan.Unchanged)}
	for i := range p.Changes {
		change := &p.Changes[i]
		if change.Action == plan.Unchanged {
			continue
		}
		if ctx.Err() != nil {
			return t.interrupted(ctx.Err(), title(*change))
		}
		said, err := a.one(ctx, change)
		switch {
		case err == nil:
			t.done++
		case ctx.Err() != nil:
			return t.interrupted(err, title(*change))
		case unsent(err):
			return t.gone(err)
		case unanswered(err):
			t.unknown++
			a.unsure(change)
			said = "not known whether it was done (" + err.Error() + "); apply again shows it"
		default:
			t.failed++
			said = failure(err)
		}
		if err := k.err.Printf("%s: %s\n", term.Clean(title(*change)), term.CleanRows(said)); err != nil {
			return err
		}
		if g, ok := errors.AsType[goneSince](err); ok {
			return t.gone(g.now)
		}
	}
	return t.err()
}

// failure is the refusal of one change, with what to do about it: the others go on, so
// that nobody else says it.
func failure(err error) string {
	said := "failed: " + err.Error()
	if next := cmdline.NextStep(err); next != "" {
		said += "\nNext: " + next
	}
	return said
}

func (a applying) one(ctx context.Context, change *plan.Change) (string, error) {
	switch change.What {
	case "repository":
		return a.repository(ctx, change)
	case "maintainer":
		return a.maintainer(ctx, change)
	}
	if err := a.sure(change); err != nil {
		return "", err
	}
	if err := change.Resolve(func(u plan.Use) int64 { return a.made[keyOf(u)] }); err != nil {
		return "", err
	}
	for field, s := range change.Secrets {
		v, err := a.secrets.get(s, field)
		if err != nil {
			return "", err
		}
		change.Fields[field] = v
	}
	id, err := a.define(ctx, change)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusConflict && change.Action == plan.Create && e.Next() == "" {
		err = &cmdline.Advised{Err: err, Step: "somebody may have made it meanwhile: apply again"}
	}
	if err != nil {
		return "", err
	}
	if change.What == "channel" {
		a.made[keyOf(subject(change))] = id
	}
	return done(change.Action), nil
}

// keyOf is what a repository is known by, or a channel.
func keyOf(u plan.Use) plan.Use {
	if u.Path == "" {
		return plan.Use{Name: u.Name}
	}
	return plan.Use{Agent: u.Agent, Path: u.Path}
}

// subject is what a change of a repository or a channel is about, as what names it does.
func subject(c *plan.Change) plan.Use {
	if c.Repository == nil {
		return plan.Use{Name: c.Name}
	}
	return plan.Use{Agent: c.Host.ID, Path: c.Repository.Path, Name: c.Name + " on " + c.Agent}
}

// define makes or changes what is no repository, and gives its id.
func (a applying) define(ctx context.Context, change *plan.Change) (int64, error) {
	switch change.What {
	case "channel":
		c, err := a.cl.DefineChannel(ctx, change.ID, change.Fields)
		return c.ID, err
	case "rule":
		r, err := a.cl.DefineRule(ctx, change.ID, change.Fields)
		return r.ID, err
	case "user":
		name := change.Name
		if change.Action == plan.Create {
			name = ""
		}
		_, err := a.cl.DefineUser(ctx, name, change.Fields)
		return 0, forLogin(err)
	}
	s, err := a.cl.DefineSchedule(ctx, change.ID, change.Fields)
	return s.ID, err
}

func (a applying) repository(ctx context.Context, change *plan.Change) (string, error) {
	if change.Action == plan.Update {
		_, err := a.cl.ChangeRepository(ctx, change.ID, change.Fields)
		return done(change.Action), err
	}
	path := change.Repository.Path
	if seals(*change) {
		secret, err := a.secrets.get(*change.Repository.Passphrase, "passphrase")
		if err != nil {
			return "", err
		}
		if change.Fields["passphrase_sealed"], err = a.k.sealToKeys(a.c, change.Host, a.recovery, path, []byte(secret)); err != nil {
			return "", err
		}
	}
	r, err := a.cl.DefineRepository(ctx, change.Fields, change.Action == plan.TakeOver)
	if unanswered(err) || isThere(err) {
		return a.lookAgain(ctx, change, err)
	}
	if err != nil {
		return "", err
	}
	a.made[keyOf(subject(change))] = r.ID
	if r.Status == "pending" {
		return "registered; the host has not answered yet", nil
	}
	return done(change.Action), nil
}

// maintainer is of a repository that may have been made just now.
func (a applying) maintainer(ctx context.Context, change *plan.Change) (string, error) {
	id := cmp.Or(change.ID, a.made[keyOf(subject(change))])
	if err := a.sure(change); id == 0 && err != nil {
		return "", err
	}
	if id == 0 {
		return "", fmt.Errorf("%s on %s was not registered", change.Name, change.Agent)
	}
	_, err := a.cl.ChangeRepository(ctx, id, change.Fields)
	return done(change.Action), err
}

func done(a plan.Action) string {
	switch a {
	case plan.Create:
		return "made"
	case plan.TakeOver:
		return "taken over"
	}
	return "changed"
}

func sortedFields(secrets map[string]definitions.Secret) []string {
	return slices.Sorted(maps.Keys(secrets))
}
