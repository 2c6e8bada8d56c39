package definitions

import (
	"slices"
	"strings"

	"borgfleet/shared/job"
)

// Rule defines which events go to which channels. What it leaves out is no condition.
type Rule struct {
	Name         string     `yaml:"name"`
	Enabled      *bool      `yaml:"enabled,omitempty"` // nil: it is
	Events       []string   `yaml:"events,flow"`
	Kinds        []string   `yaml:"kinds,omitempty,flow"`  // of jobs
	Agents       []string   `yaml:"agents,omitempty,flow"` // names or ids
	Labels       []string   `yaml:"labels,omitempty,flow"` // key=value
	Repositories References `yaml:"repositories,omitempty"`
	Channels     []string   `yaml:"channels,flow"` // names
}

// Events are what a rule can name.
func Events() []string {
	return []string{"failure", "warning", "success", "recovered", "stale", "shrunk", "agent_offline", "certificate_expiring", "archives_vanished"}
}

// WrongTogether says what is wrong with the events that a rule names, each of which is
// good by itself; empty: nothing. A rule hears the ends of what it names beside recovered.
func WrongTogether(events []string) string {
	beside := slices.DeleteFunc(slices.Clone(events), func(e string) bool { return e == "recovered" })
	if len(beside) == len(events) || len(beside) == 0 || slices.ContainsFunc(beside, func(e string) bool { return e != "success" && e != "warning" }) {
		return ""
	}
	return "recovered would never be told: beside it a rule names what is over then, and success and warning are never over. " +
		"Name that, too, such as failure and stale, or give recovered a rule of its own, which hears every end"
}

func (r Rule) check(bad *problems, at place) {
	checkName(bad, at, r.Name)
	if len(r.Events) == 0 {
		bad.add(at, "events is missing: name those that are told, such as failure and recovered")
	}
	if len(r.Channels) == 0 {
		bad.add(at, "channels is missing: name those by which they are told")
	}
	var kinds []string
	for _, k := range job.Kinds() {
		kinds = append(kinds, string(k))
	}
	checkEach(bad, at.of("events"), r.Events, oneOf(Events()))
	if why := WrongTogether(r.Events); why != "" {
		bad.add(at.of("events"), "%s", why)
	}
	checkEach(bad, at.of("kinds"), r.Kinds, oneOf(kinds))
	checkEach(bad, at.of("agents"), r.Agents, notEmpty)
	checkEach(bad, at.of("channels"), r.Channels, notEmpty)
	checkEach(bad, at.of("labels"), r.Labels, func(s string) string {
		if key, _, ok := strings.Cut(s, "="); !ok || key == "" {
			return "it is not a label: write KEY=VALUE, such as role=web"
		}
		return ""
	})
	r.Repositories.check(bad, at.of("repositories"))
}

// checkEach holds each text against wrong, which says what is wrong with it. Twice
// the same is a slip, and REST takes it for one.
func checkEach(bad *problems, at place, all []string, wrong func(string) string) {
	for i, s := range all {
		why := wrong(s)
		if why == "" && slices.Contains(all[:i], s) {
			why = "it is there already"
		}
		if why != "" {
			bad.add(at.of(i), "%s", why)
		}
	}
}

func notEmpty(s string) string {
	if strings.TrimSpace(s) == "" {
		return "it is empty"
	}
	return ""
}

func oneOf(words []string) func(string) string {
	return func(s string) string {
		if slices.Contains(words, s) {
			return ""
		}
		return "it must be one of " + strings.Join(words, ", ")
	}
}
