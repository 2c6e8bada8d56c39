package cli

import (
	"cmp"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/borgmatic"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) importBorgmatic() *cli.Command {
	return &cli.Command{
		Name: "import-borgmatic", ArgsUsage: "FILE",
		Usage: "print definitions of repositories and a schedule from a configuration of borgmatic",
		Description: "It reads configurations of borgmatic 1.7 to 2.x, changes nothing, and prints what borgfleet-controller apply takes. What does not come over is listed there with its line, and on the standard error; no passphrase and no command is repeated. The exit status is 4 if something does not come over, and 2 if FILE cannot be read as a configuration of borgmatic.\n\n" +
			"  borgfleet-agent import-borgmatic /etc/borgmatic/config.yaml > web1.yaml",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "agent", Usage: "the name (`AGENT`) that this host has in the fleet (default: the one that it is enrolled with, else its host name)"},
			&cli.StringFlag{Name: "label", Usage: "make the definitions for all hosts with the label `KEY=VALUE`, which have the same configuration"},
			stateDirFlag(),
		},
		Action: a.runImportBorgmatic,
	}
}

func (a *agent) runImportBorgmatic(c *cli.Context) error {
	args, err := cmdline.Args(c, "FILE")
	if err != nil {
		return err
	}
	o, err := borgmaticOptions(c)
	if err != nil {
		return err
	}
	r, err := borgmatic.Import(args[0], o)
	if err != nil {
		return cmdline.Usagef("%w", err)
	}
	text, err := r.YAML()
	if err != nil {
		return err
	}
	// Not through the screen: a file is to have what a file has.
	if _, err := a.stdout.Write(text); err != nil {
		return err
	}
	for _, n := range append(r.Refused, r.Doubtful...) {
		if err := a.err.Printf("%s\n", term.Clean(n.String())); err != nil {
			return err
		}
	}
	if len(r.Refused) > 0 {
		return cmdline.Silently(cmdline.ExitWarnings)
	}
	return nil
}

func borgmaticOptions(c *cli.Context) (borgmatic.Options, error) {
	o := borgmatic.Options{Agent: c.String("agent"), Label: c.String("label")}
	if o.Agent != "" && o.Label != "" {
		return o, cmdline.Usagef("--agent is for one host and --label for many: leave one of them out")
	}
	if key, _, ok := strings.Cut(o.Label, "="); o.Label != "" && (!ok || key == "") {
		return o, cmdline.Usagef("--label: %q is not a label: write KEY=VALUE, such as role=web", o.Label)
	}
	var err error
	if o.Hostname, err = os.Hostname(); err != nil {
		return o, err
	}
	o.Home, _ = os.UserHomeDir() // without one ~ is not filled in, and that is said
	if o.Agent == "" {
		// A host that is not enrolled yet, or an account that may not look, has a
		// name all the same.
		if dir, err := stateDir(c); err == nil {
			id, _ := dir.Identity()
			o.Agent = id.Name
		}
		o.Agent = cmp.Or(o.Agent, o.Hostname)
	}
	return o, nil
}
