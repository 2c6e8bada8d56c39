package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
)

// hookFlags name hooks of a repository's host.
func hookFlags() []cli.Flag {
	flag := func(name, usage string) cli.Flag { return &cli.StringSliceFlag{Name: name, Usage: usage} }
	return []cli.Flag{
		flag("hook-before", "run the hook `NAME` of the host's hooks directory before borg; one that fails keeps borg from running"),
		flag("hook-after", "run the hook `NAME` after a good end"),
		flag("hook-on-failure", "run the hook `NAME` after a failure"),
		flag("hook-on-warning", "run the hook `NAME` after an end with warnings"),
		flag("hook-always", "run the hook `NAME` last, whatever the end was"),
	}
}

// hooksOf gives old with what the command line names in its place. An empty name
// takes all of one time away. It is nil if nothing is named.
func hooksOf(c *cli.Context, old rest.Hooks) *rest.Hooks {
	named := false
	at := func(option string, old []string) []string {
		if !c.IsSet(option) {
			return old
		}
		named = true
		return slices.DeleteFunc(c.StringSlice(option), func(s string) bool { return s == "" })
	}
	h := rest.Hooks{
		Before: at("hook-before", old.Before), After: at("hook-after", old.After), OnFailure: at("hook-on-failure", old.OnFailure),
		OnWarning: at("hook-on-warning", old.OnWarning), Always: at("hook-always", old.Always),
	}
	if !named {
		return nil
	}
	return &h
}

// hooksText is a row for each time that has hooks.
func hooksText(h rest.Hooks) string {
	var rows []string
	for _, at := range []struct {
		name  string
		hooks []string
	}{
		{"before", h.Before}, {"after", h.After}, {"on warning", h.OnWarning}, {"on failure", h.OnFailure}, {"always", h.Always},
	} {
		if len(at.hooks) > 0 {
			rows = append(rows, at.name+": "+strings.Join(at.hooks, ", "))
		}
	}
	return strings.Join(rows, "\n")
}
