package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) dbDifferences(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.askSocket(c, func(ctx context.Context, cl *client.Client) error {
		all, err := cl.Differences(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(rest.DifferenceList{Differences: all})
		}
		if len(all) == 0 {
			return k.err.Printf("No host that has come back keeps a repository otherwise than the controller.\n")
		}
		t := term.Table{Columns: []term.Column{
			{Title: "AGENT"}, {Title: "REPOSITORY", Right: true}, {Title: "NAME", Cut: term.CutEnd}, {Title: "PATH", Cut: term.CutStart}, {Title: "DIFFERENCE", Cut: term.CutEnd},
		}}
		for _, d := range all {
			t.Add(d.Agent, fmt.Sprint(d.Repository), d.Host.Name, d.Host.Path, difference(d))
		}
		return t.Print(k.out)
	})
}

// difference says in words what the host has otherwise.
func difference(d rest.Difference) string {
	if d.Settled {
		return "settled; the host has not confirmed it yet"
	}
	if d.Controller == nil {
		return "not known to the controller"
	}
	var in []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"name", d.Host.Name == d.Controller.Name},
		{"path", d.Host.Path == d.Controller.Path},
		{"encryption", d.Host.Encryption == d.Controller.Encryption},
		{"compression", d.Host.Compression == d.Controller.Compression},
		{"sources", slices.Equal(d.Host.Sources, d.Controller.Sources)},
		{"excludes", slices.Equal(d.Host.Excludes, d.Controller.Excludes)},
		{"schedules", slices.Equal(d.Host.Schedules, d.Controller.Schedules)},
		{"passphrase", d.Host.PassphraseSealed == d.Controller.PassphraseSealed},
	} {
		if !f.same {
			in = append(in, f.name)
		}
	}
	if len(in) == 0 {
		return "other options"
	}
	return "other " + strings.Join(in, ", ")
}

func (k *controller) dbSettle(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "AGENT", "REPOSITORY")
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return cmdline.Usagef("REPOSITORY is an id, as borgfleet-controller db differences shows it, not %q", args[1])
	}
	req := rest.SettleRequest{Agent: args[0], Repository: id, Take: c.Bool("host")}
	if req.Take == c.Bool("controller") {
		return cmdline.Usagef("whose definition counts? Give --host or --controller")
	}
	return k.askSocket(c, func(ctx context.Context, cl *client.Client) error {
		if err := cl.Settle(ctx, req); err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(req)
		}
		return k.out.Printf("Settled. The host hears of it as soon as it is connected.\n")
	})
}

func (k *controller) dbAdmit(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "AGENT-ID")
	if err != nil {
		return err
	}
	return k.askSocket(c, func(ctx context.Context, cl *client.Client) error {
		if err := cl.Admit(ctx, args[0]); err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(map[string]string{"admitted": args[0]})
		}
		return k.out.Printf("%s may come back: its host tries again within five minutes, or at once when borgfleet-agent is restarted there.\n", term.Clean(args[0]))
	})
}
