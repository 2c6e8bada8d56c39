package doctor

import (
	"context"
	"slices"
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/checkup"
	"borgfleet/shared/definitions"
	"borgfleet/shared/term"
)

// rules are those that tell nothing, or less than they say: what they name has gone or
// never was, and a rule that names what is not there is no rule for everything.
func (p *patient) rules(ctx context.Context, rules []rest.Rule) (all []checkup.Check) {
	there, err := p.nameable(ctx, rules)
	if err != nil {
		return p.unknown("rules", "Rules", err)
	}
	for _, r := range rules {
		if !r.Enabled {
			continue
		}
		name := term.Shell(r.Name)
		todo := "borgfleet-controller notifications rules change " + name + " "
		if why, option := there.lacks(r); why != "" {
			all = append(all, found("rule", "Rule", r.Name, checkup.Warning(todo+option+", or rules delete "+name, "it tells nothing: %s", why)))
		} else if why := definitions.WrongTogether(r.Events); why != "" {
			all = append(all, found("rule", "Rule", r.Name, checkup.Warning(todo+"--event EVENT ..., all of them", "%s", why)))
		}
	}
	return all
}

// nameable is what a rule can name.
type nameable struct {
	hosts        []rest.Agent
	repositories []rest.Repository
}

// nameable asks for what some rule names.
func (p *patient) nameable(ctx context.Context, rules []rest.Rule) (out nameable, err error) {
	if slices.ContainsFunc(rules, func(r rest.Rule) bool { return len(r.Agents)+len(r.Labels) > 0 }) {
		if out.hosts, err = bounded(ctx, p.o.Controller.Agents); err != nil {
			return out, err
		}
		out.hosts = slices.DeleteFunc(slices.Clone(out.hosts), func(a rest.Agent) bool { return a.Revoked })
	}
	if slices.ContainsFunc(rules, func(r rest.Rule) bool { return len(r.Repositories) > 0 }) {
		out.repositories, err = bounded(ctx, p.o.Controller.Repositories)
	}
	return out, err
}

// lacks says why a rule fits nothing, and which option mends that.
func (n nameable) lacks(r rest.Rule) (why, option string) {
	named := func(a rest.Agent) bool { return len(r.Agents) == 0 || slices.Contains(r.Agents, a.ID) }
	switch {
	case len(r.Agents) > 0 && !slices.ContainsFunc(n.hosts, named):
		return "the hosts that it names are gone", "--agent AGENT"
	case len(r.Labels) > 0 && !slices.ContainsFunc(n.hosts, func(a rest.Agent) bool { return named(a) && labelled(a, r.Labels) }):
		who := "no host"
		if len(r.Agents) > 0 {
			who = "none of the hosts that it names"
		}
		return who + " has one of the labels " + strings.Join(r.Labels, ", "), "--label KEY=VALUE"
	case len(r.Repositories) > 0 && !slices.ContainsFunc(n.repositories, func(o rest.Repository) bool { return slices.Contains(r.Repositories, o.ID) }):
		return "the repositories that it names are gone", "--repository REPOSITORY"
	}
	return "", ""
}

// labelled says whether a host has one of the labels, as a rule asks for them.
func labelled(a rest.Agent, labels []string) bool {
	return slices.ContainsFunc(labels, func(label string) bool {
		key, value, _ := strings.Cut(label, "=")
		has, there := a.Labels[key]
		return there && has == value
	})
}
