package cli

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/term/cmdline"
)

// tally counts what has become of the changes of a plan.
type tally struct{ all, done, failed, unknown int }

// err is what is said when all have been tried; nil: all are done.
func (t tally) err() error {
	var bad []string
	if t.failed > 0 {
		bad = append(bad, fmt.Sprintf("%d of these failed; what is above says why, and the next apply tries them again", t.failed))
	}
	if t.unknown > 0 {
		bad = append(bad, fmt.Sprintf("of %d of these no answer came; apply again shows what became of them", t.unknown))
	}
	if len(bad) == 0 {
		return nil
	}
	return errors.New(strings.Join(bad, "; "))
}

// gone ends it: what cannot be sent now cannot be sent a moment later.
func (t tally) gone(why error) error {
	// Not wrapped: that the controller never ran is another thing, and said otherwise.
	return &cmdline.Advised{
		Err:  cmdline.Unavailable(fmt.Errorf("the controller is gone (%v): %s", why, t)),
		Step: "apply again when it is back",
	}
}

// interrupted ends it in the middle of a change.
func (t tally) interrupted(err error, what string) error {
	if errors.Is(err, client.ErrNoAnswer) {
		t.unknown++
		what += " may have been done"
	} else {
		what += " was not done"
	}
	return interrupted(fmt.Sprintf("%s; %s", t, what), "apply again for the rest")
}

// interrupted says what somebody has stopped, and what to do about it.
func interrupted(what, step string) error {
	err := error(&cmdline.Error{Code: cmdline.ExitInterrupted, Err: fmt.Errorf("interrupted; %s", what)})
	if step == "" {
		return err
	}
	return &cmdline.Advised{Err: err, Step: step}
}

// String says how far it came.
func (t tally) String() string {
	text := fmt.Sprintf("%d of %d are done", t.done, t.all)
	if t.failed > 0 {
		text += fmt.Sprintf(", %d failed", t.failed)
	}
	if t.unknown > 0 {
		text += fmt.Sprintf(", of %d it is not known", t.unknown)
	}
	return fmt.Sprintf("%s, %d were not begun", text, t.all-t.done-t.failed-t.unknown)
}

// unsent says whether nobody was there to be asked.
func unsent(err error) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == "dial"
}

// unanswered says whether the controller was asked and its answer did not come: it may
// have done what it was asked for. A proxy says so in its own words.
func unanswered(err error) bool {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Code == "" && (e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout)
	}
	return errors.Is(err, client.ErrNoAnswer) && !unsent(err)
}

// isThere says whether a repository was refused since its place has one.
func isThere(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Code == "repository_exists"
}
