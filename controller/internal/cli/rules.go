package cli

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func ruleFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "event", Usage: "tell this `EVENT`: failure, warning, success, recovered, stale, shrunk, agent_offline, certificate_expiring or archives_vanished; may be repeated"},
		&cli.StringSliceFlag{Name: "to", Usage: "tell it by this `CHANNEL`, by name or id; may be repeated"},
		&cli.StringSliceFlag{Name: "kind", Usage: "of jobs only those of this `KIND`; may be repeated"},
		&cli.StringSliceFlag{Name: "agent", Usage: "only about this `AGENT`; may be repeated"},
		&cli.StringSliceFlag{Name: "label", Usage: "only about hosts with this label, `KEY=VALUE`; may be repeated"},
		&cli.StringSliceFlag{Name: "repository", Usage: "only about this `REPOSITORY`, by path, name or id; may be repeated"},
	}
}

func (k *controller) rulesCreate() *cli.Command {
	return &cli.Command{
		Name: "create", ArgsUsage: "NAME", Usage: "make a rule",
		Description: "  borgfleet-controller notifications rules create trouble --event failure --event stale --event agent_offline --event recovered --to ops\n\n" +
			"All that a rule names must fit; of what is given several times one is enough.",
		Flags: append(ruleFlags(), askFlags()...),
		Action: func(c *cli.Context) error {
			args, asJSON, err := cmdline.Given(c, "NAME")
			if err != nil {
				return err
			}
			if len(c.StringSlice("event")) == 0 || len(c.StringSlice("to")) == 0 {
				return cmdline.Usagef("--event and --to are needed: what is told, and where")
			}
			return k.ask(c, func(ctx context.Context, cl *client.Client) error {
				req, err := ruleRequest(ctx, c, cl)
				if err != nil {
					return err
				}
				req.Name = &args[0]
				r, err := cl.CreateRule(ctx, req)
				return k.saidRule(r, asJSON, err)
			})
		},
	}
}

func (k *controller) rulesChange() *cli.Command {
	return &cli.Command{
		Name: "change", ArgsUsage: "RULE", Usage: "change a rule; what is not given stays, and what is given replaces all that was there",
		Flags: append(append([]cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "another `NAME`"},
			&cli.BoolFlag{Name: "disable", Usage: "have it count no more"}, &cli.BoolFlag{Name: "enable", Usage: "have it count again"},
		}, ruleFlags()...), askFlags()...),
		Action: func(c *cli.Context) error {
			args, asJSON, err := cmdline.Given(c, "RULE")
			if err != nil {
				return err
			}
			if c.Bool("enable") && c.Bool("disable") {
				return cmdline.Usagef("--enable and --disable are opposites: give one")
			}
			return k.ask(c, func(ctx context.Context, cl *client.Client) error {
				r, err := findRule(ctx, cl, args[0])
				if err != nil {
					return err
				}
				req, err := ruleRequest(ctx, c, cl)
				if err != nil {
					return err
				}
				if c.IsSet("name") {
					name := c.String("name")
					req.Name = &name
				}
				if c.Bool("enable") || c.Bool("disable") {
					on := c.Bool("enable")
					req.Enabled = &on
				}
				r, err = cl.ChangeRule(ctx, r.ID, req)
				return k.saidRule(r, asJSON, err)
			})
		},
	}
}

func (k *controller) saidRule(r rest.Rule, asJSON bool, err error) error {
	switch {
	case err != nil:
		return err
	case asJSON:
		return k.out.JSON(r)
	}
	return k.out.Printf("Rule %d: %s, %s\n", r.ID, strings.Join(r.Events, ", "), aboutRule(r))
}

// ruleRequest has what was given, with the ids of what was named.
func ruleRequest(ctx context.Context, c *cli.Context, cl *client.Client) (rest.RuleRequest, error) {
	req := rest.RuleRequest{
		Events: c.StringSlice("event"), Kinds: c.StringSlice("kind"), Agents: c.StringSlice("agent"), Labels: c.StringSlice("label"),
	}
	for _, ref := range c.StringSlice("to") {
		ch, err := findChannel(ctx, cl, ref)
		if err != nil {
			return req, err
		}
		req.Channels = append(req.Channels, ch.ID)
	}
	for _, ref := range c.StringSlice("repository") {
		r, err := findRepository(ctx, cl, ref, "")
		if err != nil {
			return req, err
		}
		req.Repositories = append(req.Repositories, r.ID)
	}
	return req, nil
}

func (k *controller) listRules(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		all, err := cl.Rules(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(rest.RuleList{Rules: all})
		}
		if len(all) == 0 {
			return k.err.Printf("There is no rule yet: nobody is told anything. Make one with borgfleet-controller notifications rules create.\n")
		}
		t := term.Table{Columns: []term.Column{
			{Title: "ID", Right: true}, {Title: "NAME", Cut: term.CutEnd}, {Title: "EVENTS", Cut: term.CutEnd}, {Title: "ABOUT", Cut: term.CutEnd},
		}}
		for _, r := range all {
			t.Add(fmt.Sprint(r.ID), r.Name, strings.Join(r.Events, ", "), aboutRule(r))
		}
		return t.Print(k.out)
	})
}

// aboutRule says what it is about, and where it leads to.
func aboutRule(r rest.Rule) string {
	var about []string
	add := func(what string, all []string) {
		if len(all) > 0 {
			about = append(about, what+" "+strings.Join(all, " or "))
		}
	}
	add("kind", r.Kinds)
	add("agent", r.Agents)
	add("label", r.Labels)
	add("repository", numbers(r.Repositories))
	out := cmp.Or(strings.Join(about, ", "), "everything") + ", to channel " + strings.Join(numbers(r.Channels), " and ")
	if !r.Enabled {
		out = "disabled: " + out
	}
	return out
}

func numbers(ids []int64) (out []string) {
	for _, id := range ids {
		out = append(out, strconv.FormatInt(id, 10))
	}
	return out
}

func (k *controller) rulesDelete() *cli.Command {
	return &cli.Command{
		Name: "delete", ArgsUsage: "RULE", Usage: "delete a rule; what waits already is delivered",
		Flags: append([]cli.Flag{cmdline.YesFlag()}, askFlags()...),
		Action: func(c *cli.Context) error {
			args, asJSON, err := cmdline.Given(c, "RULE")
			if err != nil {
				return err
			}
			return k.ask(c, func(ctx context.Context, cl *client.Client) error {
				r, err := findRule(ctx, cl, args[0])
				if err != nil {
					return err
				}
				if err := cmdline.Confirm(c, k.in, k.err, "This deletes the rule "+term.Clean(r.Name)+".", r.Name); err != nil {
					return err
				}
				if err := cl.DeleteRule(ctx, r.ID); err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(map[string]int64{"deleted": r.ID})
				}
				return k.err.Printf("The rule %s is deleted\n", term.Clean(r.Name))
			})
		},
	}
}

// findRule takes a name or an id.
func findRule(ctx context.Context, cl *client.Client, ref string) (rest.Rule, error) {
	all, err := cl.Rules(ctx)
	if err != nil {
		return rest.Rule{}, err
	}
	var names []string
	for _, r := range all {
		names = append(names, r.Name)
		if r.Name == ref || strconv.FormatInt(r.ID, 10) == ref {
			return r, nil
		}
	}
	return rest.Rule{}, noSuch("no rule has the name or id", ref, "notifications rules list", names)
}
