package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"borgfleet/controller/internal/plan"
	"borgfleet/shared/term"
)

// title names what a change is about.
func title(c plan.Change) string {
	what := c.What
	if what == "maintainer" {
		what += " of"
	}
	if c.Agent != "" {
		return fmt.Sprintf("%s %s on %s", what, c.Name, c.Agent)
	}
	return c.What + " " + c.Name
}

// showPlan tells what is to be done: all of it, but for what stays.
func (k *controller) showPlan(p applyPlan, asJSON bool) error {
	if asJSON {
		return k.out.JSON(map[string]any{
			"new_keys": unknownKeys(p.unknown), "changes": append([]plan.Change{}, p.Changes...), "no_host_yet": idle(p.Plan, "schedule"), "rules_no_host_yet": idle(p.Plan, "rule"),
			"unmatched": unmatched(p.Plan), "rules_unmatched": unlabelled(p.Plan), "not_compared": append([]uncompared{}, p.uncompared...),
		})
	}
	for _, c := range p.Changes {
		if c.Action == plan.Unchanged {
			continue
		}
		if err := k.out.Printf("%s: %s\n", term.Clean(title(c)), term.Clean(about(c))); err != nil {
			return err
		}
		var f term.Fields
		for _, d := range c.Differences {
			f.Add("    "+d.Field, d.String())
		}
		if err := f.Print(k.out); err != nil {
			return err
		}
		for _, name := range c.Unscheduled {
			if err := k.out.Printf("    %s is backed up by no schedule then\n", term.Clean(name)); err != nil {
				return err
			}
		}
	}
	if err := k.showNewKeys(p.unknown); err != nil {
		return err
	}
	for _, r := range p.Unmatched {
		if err := k.out.Printf("repository %s: no host has the label %s; it is made for each that gets it, by the next apply\n", term.Clean(r.Name), term.Clean(r.For.Label)); err != nil {
			return err
		}
	}
	for _, l := range p.Unlabelled {
		if err := k.out.Printf("rule %s: no host has the label %s; it is about each that gets it\n", term.Clean(l.Rule), term.Clean(l.Label)); err != nil {
			return err
		}
	}
	for _, s := range p.Idle {
		then := "no host has what it is for yet; it is made when one has"
		if s.There {
			then = "no host has what it is for now; it stays as it is"
		}
		if err := k.out.Printf("%s %s: %s\n", s.What, term.Clean(s.Name), then); err != nil {
			return err
		}
	}
	for _, u := range p.uncompared {
		if err := k.err.Printf("%s %s: its %s stays as it is: there is nothing where the file says that it is\n", u.What, term.Clean(u.Name), u.Field); err != nil {
			return err
		}
	}
	if !p.Some() {
		return k.out.Printf("%d unchanged: nothing to do\n", p.Count(plan.Unchanged))
	}
	return k.out.Printf("%d unchanged\n", p.Count(plan.Unchanged))
}

// idle are the schedules or rules that are for no host now.
func idle(p plan.Plan, what string) []string {
	names := []string{}
	for _, s := range p.Idle {
		if s.What == what {
			names = append(names, s.Name)
		}
	}
	return names
}

// unmatched are names of entries that are for no host.
func unmatched(p plan.Plan) []string {
	names := []string{}
	for _, r := range p.Unmatched {
		names = append(names, r.Name)
	}
	return names
}

// unlabelled are names of rules with a label that no host has.
func unlabelled(p plan.Plan) []string {
	names := []string{}
	for _, l := range p.Unlabelled {
		if !slices.Contains(names, l.Rule) {
			names = append(names, l.Rule)
		}
	}
	return names
}

// about is the first line on a change.
func about(c plan.Change) string {
	switch {
	case c.Action == plan.Update:
		return "change"
	case c.Repository != nil:
		return map[plan.Action]string{plan.Create: "new, at ", plan.TakeOver: "taken over, from "}[c.Action] + c.Repository.Path
	}
	switch c.What {
	case "channel":
		if to, ok := c.Fields["to"].([]string); ok {
			return fmt.Sprintf("new, %v to %s by %v", c.Fields["type"], strings.Join(to, ", "), c.Fields["host"])
		}
		return fmt.Sprintf("new, %v", c.Fields["type"])
	case "rule":
		events, _ := c.Fields["events"].([]string)
		return "new, " + strings.Join(events, ", ") + ", to " + usesText(c.Channels)
	case "user":
		return fmt.Sprintf("new, with the role %v", c.Fields["role"])
	}
	zone, _ := c.Fields["timezone"].(string)
	return fmt.Sprintf("new, %v (%s), for %s", c.Fields["cron_expression"], cmp.Or(zone, "each host's time zone"), usesText(c.Uses))
}

func usesText(all []plan.Use) string {
	var names []string
	for _, u := range all {
		names = append(names, u.Name)
	}
	return strings.Join(names, ", ")
}

// planText is what is asked about.
func planText(p plan.Plan) string {
	var parts []string
	for _, part := range []struct {
		action plan.Action
		text   string
	}{{plan.Create, "makes %d"}, {plan.TakeOver, "takes over %d"}, {plan.Update, "changes %d"}} {
		if n := p.Count(part.action); n > 0 {
			parts = append(parts, fmt.Sprintf(part.text, n))
		}
	}
	return "This " + strings.Join(parts, ", ") + ". Nothing is deleted."
}
