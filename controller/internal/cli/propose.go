package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// proposeTime is how long a refusal waits for the names that there are.
const proposeTime = 2 * time.Second

// propose adds to the refusal of a name the one that was probably meant, of those
// that the caller may see: the controller itself answers no guesses.
func propose(ctx context.Context, c *cli.Context, cl *client.Client, err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return err
	}
	list := namesFor(e)
	if list == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, proposeTime)
	defer cancel()
	names, listErr := list(ctx, cl)
	if listErr != nil {
		return err // what was asked first counts
	}
	for _, word := range given(c) {
		if !strings.Contains(e.Detail, strconv.Quote(word)) {
			continue // it is not what was refused
		}
		if near := term.Nearest(word, names); near != "" {
			step := didYouMean(near)
			if e.Code != invalidRequest && e.Next() != "" {
				step += " If not, " + e.Next()
			}
			return &cmdline.Advised{Err: err, Step: step}
		}
	}
	return err
}

// noSuch is the refusal of a name that was looked for here.
func noSuch(what, ref, list string, names []string) error {
	err := fmt.Errorf("%s %q; borgfleet-controller %s shows what there is", what, ref, list)
	if near := term.Nearest(ref, names); near != "" {
		return &cmdline.Advised{Err: err, Step: didYouMean(near)}
	}
	return err
}

func didYouMean(name string) string { return "did you mean " + term.Shell(name) + "?" }

// namesFor is what lists the names of which there is none like that; nil if no
// name was refused.
func namesFor(e *client.Error) func(context.Context, *client.Client) ([]string, error) {
	switch e.Code {
	case "agent_not_found":
		return agentNames
	case "repository_not_found":
		return repositoryNames
	case "schedule_not_found":
		return scheduleNames
	case "user_not_found":
		return userNames
	}
	for _, field := range e.Errors {
		switch _, name, _ := strings.Cut(field.Location, "."); name {
		case "agent", "maintainer":
			return agentNames
		case "repository":
			return repositoryNames
		}
	}
	return nil
}

// given are the words of the line that may be names.
func given(c *cli.Context) []string {
	words := slices.Clone(c.Args().Slice())
	for _, option := range []string{"agent", "repository", "maintainer", "on", "user"} {
		if several := c.StringSlice(option); several != nil {
			words = append(words, several...)
		} else if c.IsSet(option) {
			words = append(words, c.String(option))
		}
	}
	return words
}
