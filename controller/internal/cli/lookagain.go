package cli

import (
	"context"
	"fmt"

	"borgfleet/controller/internal/plan"
)

// lookAgain finds a repository that may have been registered although nobody said so:
// the answer did not come, or another apply was first. What names it needs its id.
func (a applying) lookAgain(ctx context.Context, change *plan.Change, why error) (string, error) {
	all, err := a.cl.RepositoryFields(ctx)
	if unsent(err) {
		return "", goneSince{why, err}
	}
	if err != nil {
		return "", why
	}
	id, same := change.Meanwhile(all)
	if id == 0 {
		return "", why
	}
	a.made[keyOf(subject(change))] = id
	switch {
	case !same:
		return "registered meanwhile, and otherwise than the file says: apply again", nil
	case isThere(why):
		return "registered meanwhile by somebody else, as the file has it", nil
	}
	return "registered; the answer did not come, so look at it with repositories list", nil
}

// goneSince is of a change without an answer, after which nobody is there.
type goneSince struct {
	error
	now error
}

func (e goneSince) Unwrap() error { return e.error }

// unsure keeps in mind what may have been made.
func (a applying) unsure(change *plan.Change) {
	if change.ID == 0 && (change.What == "repository" || change.What == "channel") {
		a.maybe[keyOf(subject(change))] = true
	}
}

// sure refuses what needs the id of something that may have been made.
func (a applying) sure(change *plan.Change) error {
	uses := append(append([]plan.Use{}, change.Uses...), change.Channels...)
	if change.Repository != nil {
		uses = append(uses, subject(change))
	}
	for _, u := range uses {
		if u.ID == 0 && a.maybe[keyOf(u)] {
			return fmt.Errorf("it is not known whether %s was made", u.Name)
		}
	}
	return nil
}
