package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/plan"
	"borgfleet/shared/definitions"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) apply() *cli.Command {
	return &cli.Command{
		Name: "apply", ArgsUsage: "FILE", Usage: "make repositories and schedules what a file says",
		Description: "FILE holds definitions; docs/definitions.md says what can stand in it, and - is standard input. It shows what is new and what is to be changed, and asks. Nothing is ever deleted: what the file does not name stays as it is. A file that was applied changes nothing when it is applied again. Hosts that get a label later are taken by the next apply.\n\n" +
			"With --dry-run it ends there; the exit status is 5 if something would be done.\n\n" +
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
		fleet, err := fleetOf(ctx, cl)
		if err != nil {
			return err
		}
		p, err := plan.Make(file, fleet)
		if err != nil {
			return cmdline.Usagef("%w", err)
		}
		recovery, err := recoveryFor(ctx, cl, p)
		if err != nil {
			return err
		}
		unknown, err := newKeys(c, p, recovery)
		if err != nil {
			return err
		}
		if err := k.showPlan(p, unknown, asJSON); err != nil {
			return err
		}
		switch {
		case !p.Some():
			return nil
		case c.Bool("dry-run"):
			return cmdline.Silently(cmdline.ExitDifferent)
		}
		if err := refuseUnasked(c, unknown); err != nil {
			return err
		}
		// Before anything is asked or done: a secret that is missing would leave half
		// of it undone.
		secrets, err := k.secretsOf(p, folder)
		if err != nil {
			return err
		}
		if err := cmdline.Confirm(c, k.in, k.err, planText(p)+keysText(unknown), "apply"); err != nil {
			return err
		}
		if err := k.acceptKeys(c, unknown); err != nil {
			return err
		}
		return k.carryOut(ctx, c, cl, p, recovery, secrets)
	})
}

// definitions reads the file, and says from which folder its own paths are.
func (k *controller) definitions(name string) (definitions.File, string, error) {
	if name != "-" {
		f, err := definitions.Load(name)
		return f, filepath.Dir(name), err
	}
	data, err := io.ReadAll(io.LimitReader(k.in, mostDefinitions))
	if err != nil {
		return definitions.File{}, "", fmt.Errorf("read standard input: %w", err)
	}
	f, err := definitions.Parse(data)
	if err != nil {
		err = fmt.Errorf("standard input: %w", err)
	}
	return f, ".", err
}

// mostDefinitions is more than is taken, so that more is noticed.
const mostDefinitions = 32 << 20

func fleetOf(ctx context.Context, cl *client.Client) (f plan.Fleet, err error) {
	if f.Agents, err = cl.Agents(ctx); err != nil {
		return f, err
	}
	if f.Repositories, err = cl.RepositoryFields(ctx); err != nil {
		return f, err
	}
	f.Schedules, err = cl.ScheduleFields(ctx)
	return f, err
}

// recoveryFor is the recovery key that passphrases are sealed to besides; empty:
// there are none. It is asked for once, so that what is sealed to is what was shown.
func recoveryFor(ctx context.Context, cl *client.Client, p plan.Plan) (string, error) {
	if !slices.ContainsFunc(p.Changes, seals) {
		return "", nil
	}
	key, err := cl.RecoveryKey(ctx)
	return key.Recipient, err
}

// carryOut does what is planned, one after the other. What fails keeps nothing
// else from being done, but the schedules that need it.
func (k *controller) carryOut(ctx context.Context, c *cli.Context, cl *client.Client, p plan.Plan, recovery string, secrets map[int][]byte) error {
	made := map[[2]string]int64{} // by host and path
	failed := 0
	for i := range p.Changes {
		change := &p.Changes[i]
		if change.Action == plan.Unchanged {
			continue
		}
		said, err := k.carryOutOne(ctx, c, cl, change, recovery, secrets[i], made)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			failed++
			said = "failed: " + err.Error()
		}
		if err := k.err.Printf("%s: %s\n", term.Clean(title(*change)), term.CleanRows(said)); err != nil {
			return err
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of these failed; what is above says why, and the next apply tries them again", failed)
	}
	return nil
}

func (k *controller) carryOutOne(ctx context.Context, c *cli.Context, cl *client.Client, change *plan.Change, recovery string, secret []byte, made map[[2]string]int64) (string, error) {
	if change.What == "schedule" {
		if err := change.Resolve(func(u plan.Use) int64 { return made[[2]string{u.Agent, u.Path}] }); err != nil {
			return "", err
		}
		_, err := cl.DefineSchedule(ctx, change.ID, change.Fields)
		return done(change.Action), err
	}
	if change.Action == plan.Update {
		_, err := cl.ChangeRepository(ctx, change.ID, change.Fields)
		return done(change.Action), err
	}
	path := change.Repository.Path
	if secret != nil {
		sealed, err := k.sealToKeys(c, change.Host, recovery, path, secret)
		if err != nil {
			return "", err
		}
		change.Fields["passphrase_sealed"] = sealed
	}
	r, err := cl.DefineRepository(ctx, change.Fields, change.Action == plan.TakeOver)
	if err != nil {
		return "", err
	}
	made[[2]string{change.Host.ID, path}] = r.ID
	if r.Status == "pending" {
		return "registered; the host has not answered yet", nil
	}
	return done(change.Action), nil
}

func done(a plan.Action) string {
	switch a {
	case plan.Create:
		return "made"
	case plan.TakeOver:
		return "taken over"
	}
	return "changed"
}

// secretsOf reads the passphrases of what is to be made, by the change.
func (k *controller) secretsOf(p plan.Plan, folder string) (map[int][]byte, error) {
	out := map[int][]byte{}
	for i, c := range p.Changes {
		if !seals(c) {
			continue
		}
		secret, err := k.definedSecret(*c.Repository.Passphrase, folder)
		if err != nil {
			// Not wrapped: that a file is missing says nothing of the controller.
			return nil, cmdline.Usagef("%s: %v", title(c), err)
		}
		out[i] = secret
	}
	return out, nil
}
