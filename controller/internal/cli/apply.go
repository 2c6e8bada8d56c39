package cli

import (
	"context"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) apply() *cli.Command {
	return &cli.Command{
		Name: "apply", ArgsUsage: "FILE", Usage: "make repositories, schedules, notifications and users what a file says",
		Description: "FILE holds definitions; docs/definitions.md says what can stand in it, and - is standard input. It shows what is new and what is to be changed, and asks. Nothing is ever deleted: what the file does not name stays as it is. A file that was applied changes nothing when it is applied again. Hosts that get a label later are taken by the next apply. borgfleet-controller export writes such a file of a fleet that is there.\n\n" +
			"With --dry-run it ends there; the exit status is 5 if something would be done, and 1 if it would be refused.\n\n" +
			"  borgfleet-controller apply fleet.yaml --dry-run",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be done, and do nothing"},
			cmdline.YesFlag(),
			&cli.BoolFlag{Name: "accept-new-keys", EnvVars: []string{}, Usage: "with --yes: seal passphrases to keys of hosts, and to a recovery key, that are not known here yet, and remember them. A controller that was taken over can name hosts of its own"},
			&cli.StringFlag{Name: "agent-key", Usage: "seal passphrases to this key of a host and to no other (`KEY`, age1... or the fingerprint that enroll showed), and remember it"},
			&cli.StringFlag{Name: "recovery-key", Usage: "seal passphrases to this recovery key and to no other (`KEY`, age1... or its fingerprint), and remember it"},
		}, askFlags()...),
		Action: k.runApply,
	}
}

func (k *controller) runApply(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "FILE")
	if err != nil {
		return err
	}
	file, folder, err := k.definitions(args[0])
	if err != nil {
		return cmdline.Usagef("%w", err)
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		p, err := k.prepareApply(ctx, c, cl, file, folder)
		if err != nil && ctx.Err() != nil {
			return interrupted("nothing was done", "")
		}
		if err != nil {
			return err
		}
		if err := k.showPlan(p, asJSON); err != nil {
			return err
		}
		switch {
		case !p.Some():
			return nil
		case c.Bool("dry-run"):
			return p.rehearse()
		}
		if err := k.agreeTo(c, p); err != nil {
			if ctx.Err() != nil {
				return interrupted("nothing was done", "")
			}
			return err
		}
		return k.carryOut(ctx, c, cl, p)
	})
}

// definitions reads the file, and says from which folder its own paths are.
func (k *controller) definitions(name string) (definitions.File, string, error) {
	if name != "-" {
		f, err := definitions.Load(name)
		return f, filepath.Dir(name), err
	}
	f, err := definitions.Read(k.in, "standard input")
	return f, ".", err
}
