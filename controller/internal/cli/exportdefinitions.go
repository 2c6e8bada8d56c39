package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/plan"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) export() *cli.Command {
	return &cli.Command{
		Name: "export", ArgsUsage: "[FILE]", Usage: "write down what the fleet is, for apply",
		Description: "It writes the definitions of repositories, schedules, notifications and users, always in the same order; without FILE, to the standard output. Applied to the same fleet they change nothing. No secret is in them: they name a file for each, which you have to fill before they can make anything anew. What no file can say is listed at its head, and on the standard error.\n\n" +
			"  borgfleet-controller export fleet.yaml",
		Flags:  append([]cli.Flag{&cli.BoolFlag{Name: "force", EnvVars: []string{}, Usage: "replace FILE if it is there"}}, formlessFlags()...),
		Action: k.runExport,
	}
}

func (k *controller) runExport(c *cli.Context) error {
	names := []string{"FILE"}
	if c.NArg() == 0 {
		names = nil
	}
	args, err := cmdline.Args(c, names...)
	if err != nil {
		return err
	}
	var d plan.Described
	err = k.ask(c, func(ctx context.Context, cl *client.Client) error {
		fleet, err := wholeFleet(ctx, cl)
		if err != nil {
			return err
		}
		d, err = plan.Describe(fleet)
		return err
	})
	if err != nil {
		return err
	}
	text, err := exported(d)
	if err != nil {
		return err
	}
	if len(args) == 0 || args[0] == "-" {
		// Not through the screen: a file is to have what a file has.
		_, err = k.out.W.Write(text)
	} else {
		err = writeExport(args[0], text, c.Bool("force"))
	}
	if err != nil {
		return err
	}
	return k.tellExport(d, args)
}

func wholeFleet(ctx context.Context, cl *client.Client) (plan.Fleet, error) {
	f, err := fleetOf(ctx, cl)
	if err == nil {
		err = addNotifications(ctx, cl, &f, func(string) bool { return true })
	}
	if err == nil {
		err = addUsers(ctx, cl, &f)
	}
	return f, forAdmins(err, "only an administrator may see all of it; export as one")
}

// exported is the file, with what a person has to know above it.
func exported(d plan.Described) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`# The fleet, as borgfleet-controller export has written it. Applied to that fleet it
# changes nothing.
#
# No secret is in it. Each {file: PATH} names a file, from the folder of this one,
# that does not exist yet: put the secret into it, one line, mode 0600, or write
# {env: NAME} instead. apply reads them for what it makes anew; what is there keeps
# the secret that it has, unless such a file holds another one. The passphrase of a
# repository and the password of a user that are there are never changed.
`)
	if len(d.Left) > 0 {
		b.WriteString("#\n# What this file cannot say:\n")
	}
	for _, left := range d.Left {
		fmt.Fprintf(&b, "#   %s\n", term.Clean(left))
	}
	b.WriteByte('\n')
	text, err := d.File.YAML()
	if err != nil {
		return nil, err
	}
	b.Write(text)
	return b.Bytes(), nil
}

func writeExport(path string, text []byte, force bool) error {
	if force {
		return secretfile.Write(path, text, 0o600)
	}
	err := secretfile.Create(path, text, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return cmdline.Usagef("%s is there already, and nothing was written: name another file, or replace it with --force", path)
	}
	return err
}

// tellExport says what was left out, and of a file what is in it.
func (k *controller) tellExport(d plan.Described, args []string) error {
	for _, left := range d.Left {
		if err := k.err.Printf("left out: %s\n", term.Clean(left)); err != nil {
			return err
		}
	}
	if len(args) == 0 || args[0] == "-" {
		return nil
	}
	f := d.File
	return k.err.Printf("Wrote %s: %d repositories, %d schedules, %d channels, %d rules, %d users. To see that nothing is lost: borgfleet-controller apply %s --dry-run\n",
		term.Clean(args[0]), len(f.Repositories), len(f.Schedules), len(f.Channels()), len(f.Rules()), len(f.Users), term.Clean(args[0]))
}
