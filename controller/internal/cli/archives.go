package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) archives() *cli.Command {
	return group("archives", "what is in the repositories", k.archivesList(), k.archivesContents())
}

func (k *controller) archivesList() *cli.Command {
	return &cli.Command{
		Name: "list", ArgsUsage: "REPOSITORY", Usage: "list a repository's archives",
		Description: "REPOSITORY is a path, name or id. The answer is what is known, also while the repository is locked or its host is away; it says how old that is.",
		Flags: append(append(ofAgent(),
			&cli.BoolFlag{Name: "refresh", Usage: "look on the host first (up to 10 s); exit status 1 if that did not succeed"},
			&cli.BoolFlag{Name: "matching", Usage: "only those that this registration's pattern matches"}), listFlags()...),
		Action: k.repeated((*controller).listArchives),
	}
}

func (k *controller) listArchives(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "REPOSITORY")
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		list, err := cl.Archives(ctx, client.ArchiveFilter{Repository: args[0], Agent: c.String("agent"), Refresh: c.Bool("refresh"), Matching: c.Bool("matching")})
		switch {
		case err != nil:
			return err
		case asJSON:
			err = k.out.JSON(list)
		default:
			err = k.tellArchives(list)
		}
		return cmp.Or(err, refreshError(list))
	})
}

func (k *controller) tellArchives(list rest.ArchiveList) error {
	t := term.Table{Columns: []term.Column{
		{Title: "NAME"}, {Title: "MADE", Drop: 1}, {Title: "SIZE", Right: true, Drop: 2}, {Title: "FILES", Right: true, Drop: 3}, {Title: "JOB", Right: true, Drop: 4},
	}}
	for _, a := range list.Archives.Archives {
		t.Add(a.Name, term.Time(borgTime(a.Start)), figure(a.OriginalSize, term.Size), figure(a.NFiles, term.Count), figure(a.JobID, func(n int64) string { return fmt.Sprint(n) }))
	}
	if len(list.Archives.Archives) > 0 {
		if err := t.Print(k.out); err != nil {
			return err
		}
	}
	if err := k.tellVanished(list); err != nil {
		return err
	}
	return k.err.Printf("%d archives, as of %s.\n", len(list.Archives.Archives), term.Time(at(list.AsOf)))
}

// borgTime reads a time of borg's, which is UTC.
func borgTime(s string) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05.999999", s)
	if err != nil {
		return time.Time{}
	}
	return t
}

func figure(n *int64, show func(int64) string) string {
	if n == nil {
		return ""
	}
	return show(*n)
}

func (k *controller) archivesContents() *cli.Command {
	return &cli.Command{
		Name: "contents", ArgsUsage: "REPOSITORY ARCHIVE [PATH]", Usage: "list one folder of an archive",
		Description: "Without PATH it is the topmost folder. borg looks on the host for it; what was looked at once comes at once.",
		Flags: append(append(ofAgent(),
			&cli.IntFlag{Name: "limit", Value: 1000, Usage: "show at most `N`"},
			&cli.StringFlag{Name: "cursor", Usage: "go on after the `CURSOR` of a list before"}), askFlags()...),
		Action: k.listContents,
	}
}

func (k *controller) listContents(c *cli.Context) error {
	names := []string{"REPOSITORY", "ARCHIVE"}
	if c.Args().Len() > len(names) {
		names = append(names, "PATH")
	}
	args, asJSON, err := cmdline.Given(c, names...)
	if err != nil {
		return err
	}
	f := client.Folder{Repository: args[0], Archive: args[1], Agent: c.String("agent"), Limit: c.Int("limit"), Cursor: c.String("cursor")}
	if len(args) > 2 {
		f.Path = args[2]
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		contents, err := cl.Contents(ctx, f)
		switch {
		case err != nil:
			return err
		case asJSON:
			return k.out.JSON(contents)
		}
		return k.tellContents(contents)
	})
}

func (k *controller) tellContents(contents rest.Contents) error {
	t := term.Table{Columns: []term.Column{
		{Title: "MODE"}, {Title: "OWNER", Drop: 3}, {Title: "SIZE", Right: true, Drop: 1}, {Title: "CHANGED", Drop: 2}, {Title: "NAME"},
	}}
	for _, e := range contents.Entries {
		name := e.Name
		if e.Type == "d" {
			name += "/"
		}
		if e.Target != nil {
			name += " -> " + *e.Target
		}
		owner := strings.TrimSuffix(e.User+":"+e.Group, ":")
		if e.Implied {
			owner = ""
		}
		size := term.Size(e.Size)
		if e.Type == "d" {
			size = ""
		}
		t.Add(e.Mode, owner, size, term.Time(at(e.MTime)), name)
	}
	if len(contents.Entries) == 0 {
		return k.err.Printf("The folder is empty.\n")
	}
	if err := t.Print(k.out); err != nil {
		return err
	}
	if contents.NextCursor != nil {
		return k.err.Printf("There are more: --cursor %s goes on.\n", *contents.NextCursor)
	}
	return nil
}

func (k *controller) restore() *cli.Command {
	return group("restore", "bring files back", &cli.Command{
		Name: "start", ArgsUsage: "REPOSITORY ARCHIVE [PATH]...", Usage: "restore an archive, or some of its paths",
		Description: "It is a job like a backup. The destination is an empty or new directory on the host, below one that its owner allows (borgfleet-agent allow --destination). Paths are as on the host, and come below the destination: /etc/hosts in /srv/restore becomes /srv/restore/etc/hosts.\n\nWith --follow " + endHelp,
		Flags: append(append(ofAgent(),
			&cli.StringFlag{Name: "to", Usage: "restore into `DIRECTORY` on the host"},
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "show its progress until it has ended"}), askFlags()...),
		Action: k.startRestore,
	})
}

func (k *controller) startRestore(c *cli.Context) error {
	names := []string{"REPOSITORY", "ARCHIVE"}
	for range c.Args().Len() - len(names) {
		names = append(names, "PATH")
	}
	args, asJSON, err := cmdline.Given(c, names...)
	if err != nil {
		return err
	}
	if c.String("to") == "" {
		return cmdline.Usagef("--to is missing: name an empty or new directory on the host, such as /srv/restore/1")
	}
	key, err := job.NewKey()
	if err != nil {
		return err
	}
	req := rest.RestoreRequest{Repository: args[0], Archive: args[1], Paths: args[2:], Agent: c.String("agent"), Destination: c.String("to")}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		started, err := cl.Restore(ctx, req, key.String())
		if err != nil {
			return err
		}
		return k.taken(ctx, c, cl, started, asJSON)
	})
}
