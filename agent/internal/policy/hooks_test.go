package policy

import (
	"strings"
	"testing"

	"borgfleet/shared/job"
)

// TestHooks: a definition names hooks, and the host's owner says which.
func TestHooks(t *testing.T) {
	check := func(allow Allow, kind job.Kind, h job.Hooks) string {
		t.Helper()
		allow.Repositories = []string{"/srv/**"}
		c := Default()
		c.Allow = allow
		p, err := New(c, "/var/lib/agent", "")
		if err != nil {
			t.Fatal(err)
		}
		err = p.Check(job.Spec{Kind: kind, Repository: job.Repository{Path: "/srv/r", Sources: []string{"/etc"}, Hooks: h}})
		if err == nil {
			return ""
		}
		return err.Error()
	}
	one := job.Hooks{OnFailure: []string{"pg-dump"}}
	for name, tc := range map[string]struct {
		allow Allow
		hooks job.Hooks
		says  string
	}{
		"nothing said":   {Allow{}, one, "(allow.hooks): the hook pg-dump is not among those that the owner named; its owner can allow it there with: borgfleet-agent allow --hook pg-dump --state-dir /var/lib/agent"},
		"another":        {Allow{Hooks: []string{"pg", "pg-dumpx"}}, one, "(allow.hooks)"},
		"this one":       {Allow{Hooks: []string{"pg-dump"}}, one, ""},
		"by a pattern":   {Allow{Hooks: []string{"x", "pg-*"}}, one, ""},
		"all":            {Allow{All: true}, one, ""},
		"one too many":   {Allow{Hooks: []string{"pg-dump"}}, job.Hooks{Before: []string{"pg-dump"}, Always: []string{"rm"}}, "the hook rm is not"},
		"a path":         {Allow{All: true}, job.Hooks{Before: []string{"../../bin/sh"}}, "(form): the hook \"../../bin/sh\" cannot be one"},
		"absolute":       {Allow{All: true}, job.Hooks{After: []string{"/bin/sh"}}, "(form)"},
		"an option":      {Allow{All: true}, job.Hooks{Always: []string{"-c"}}, "(form)"},
		"with arguments": {Allow{All: true}, job.Hooks{OnWarning: []string{"rm -rf"}}, "(form)"},
		"empty":          {Allow{All: true}, job.Hooks{Before: []string{""}}, "(form)"},
		"long":           {Allow{All: true}, job.Hooks{Before: []string{strings.Repeat("x", 300)}}, "(form)"},
		"many":           {Allow{All: true}, job.Hooks{Before: make([]string, 17)}, "17 hooks are named before, and 16 are the most"},
	} {
		got := check(tc.allow, job.Backup, tc.hooks)
		if !strings.Contains(got, tc.says) || (got == "") != (tc.says == "") {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := check(Allow{}, job.List, one); got != "" {
		t.Errorf("a list, which runs no hook: %s", got)
	}
}

func TestHooksConfig(t *testing.T) {
	for text, says := range map[string]string{
		"hooks: {directory: hooks}":        "hooks.directory: \"hooks\" must be an absolute path",
		"hooks: {directory: ''}":           "hooks.directory",
		"hooks: {time_limit: 0s}":          "hooks.time_limit",
		"hooks: {time_limit: -1h}":         "hooks.time_limit",
		"hooks: {time_limit: soon}":        "is not a span of time such as 90m",
		"hooks: {time_limit: 3600}":        "is not a span of time such as 90m",
		"hooks: {command: id}":             "command",
		"allow: {hooks: [../x]}":           "allow.hooks",
		"allow: {hooks: ['']}":             "allow.hooks",
		"allow: {hooks: ['a/*']}":          "allow.hooks",
		"allow: {hooks: ['[a-z]']}":        "allow.hooks",
		"hooks: {time_limit: 90m}":         "",
		"hooks: {directory: /opt/h}":       "",
		"allow: {hooks: [a, 'pg-*', '*']}": "",
	} {
		_, err := Parse([]byte(text))
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
