package cli

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) restore() *cli.Command {
	return &cli.Command{
		Name: "restore", ArgsUsage: "REPOSITORY ARCHIVE [PATH]...",
		Usage: "restore an archive, or some of its paths, into a new directory",
		Description: "borgfleet-agent borg REPOSITORY -- list shows the archives. PATHs are as on the host, and come below the destination: /etc/hosts in /srv/restore/1 becomes /srv/restore/1/etc/hosts. The destination must be empty or missing, and at or below a directory that agent.yaml allows (borgfleet-agent allow --destination). It works without the controller too.\n\n" +
			"With --follow the exit status tells the end: 0 completed, 4 completed with warnings, 1 failed or cancelled.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Usage: "restore into `DIRECTORY`"},
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "show its progress until it has ended"},
			stateDirFlag(), cmdline.OutputFlag(),
		},
		Action: a.runRestore,
	}
}

func (a *agent) runRestore(c *cli.Context) error {
	names := []string{"REPOSITORY", "ARCHIVE"}
	for range c.Args().Len() - len(names) {
		names = append(names, "PATH")
	}
	args, asJSON, err := cmdline.Given(c, names...)
	if err != nil {
		return err
	}
	if c.String("to") == "" {
		return cmdline.Usagef("--to is missing: name an empty or new directory, such as /srv/restore/1")
	}
	to, err := filepath.Abs(c.String("to"))
	if err != nil {
		return err
	}
	what := local.Restore{Repository: args[0], Archive: args[1], Destination: to}
	for _, p := range args[2:] {
		what.Paths = append(what.Paths, []byte(strings.TrimPrefix(path.Clean("/"+p), "/")))
	}
	return a.ask(c, func(client *local.Client) error {
		j, err := client.Restore(c.Context, what)
		if err != nil {
			return err
		}
		switch {
		case c.Bool("follow"):
			return a.follow(c.Context, client, j, asJSON)
		case asJSON:
			return a.out.JSON(j)
		}
		return a.out.Printf("Restore job %s to %s is taken. To see it: borgfleet-agent logs -f %s\n", ref(j), term.Clean(to), ref(j))
	})
}
