package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) repositoriesAcknowledge() *cli.Command {
	return &cli.Command{
		Name: "acknowledge-vanished", ArgsUsage: "REPOSITORY [ARCHIVE]...", Usage: "say that archives that have gone were meant to go",
		Description: "An archive has vanished if it was there, is gone, and no job of the fleet removed it; archives list shows which. Until somebody says that it was meant, nobody compacts the repository: that would make it final, and whoever stole a host's key may be waiting for it. Without ARCHIVE (a name or id) it is for all of them.",
		Flags:       append(append(ofAgent(), cmdline.YesFlag()), askFlags()...),
		Action:      k.acknowledgeVanished,
	}
}

func (k *controller) acknowledgeVanished(c *cli.Context) error {
	names := []string{"REPOSITORY"}
	for range c.Args().Len() - len(names) {
		names = append(names, "ARCHIVE")
	}
	args, asJSON, err := cmdline.Given(c, names...)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		r, err := findRepository(ctx, cl, args[0], c.String("agent"))
		if err != nil {
			return err
		}
		what := "every archive that has vanished from it"
		if len(args) > 1 {
			what = term.Clean(strings.Join(args[1:], ", "))
		}
		about := fmt.Sprintf("This says of %s on %s that it was meant to go: %s. The next compact makes that final.", term.Clean(r.Name), term.Clean(r.Agent), what)
		if err := cmdline.Confirm(c, k.in, k.err, about, r.Name); err != nil {
			return err
		}
		done, err := cl.AcknowledgeVanished(ctx, r.ID, args[1:])
		switch {
		case err != nil:
			return err
		case asJSON:
			return k.out.JSON(done)
		}
		for _, name := range done.Archives {
			if err := k.out.Printf("%s\n", term.Clean(name)); err != nil {
				return err
			}
		}
		return k.err.Printf("%d acknowledged, %d remain.\n", len(done.Archives), done.Remaining)
	})
}

// vanishedText is what people must know of a repository before all else.
func vanishedText(r rest.Repository) string {
	if r.ArchivesVanished == nil || *r.ArchivesVanished == 0 {
		return ""
	}
	are := "archives have"
	if *r.ArchivesVanished == 1 {
		are = "archive has"
	}
	return fmt.Sprintf("%d %s vanished: see archives list %d", *r.ArchivesVanished, are, r.ID)
}

// tellVanished names those that have gone.
func (k *controller) tellVanished(list rest.ArchiveList) error {
	if len(list.Vanished) == 0 {
		return nil
	}
	t := term.Table{Columns: []term.Column{
		{Title: "VANISHED"}, {Title: "NOTICED", Drop: 1}, {Title: "SIZE", Right: true, Drop: 2}, {Title: "FILES", Right: true, Drop: 3}, {Title: "JOB", Right: true, Drop: 4},
	}}
	for _, a := range list.Vanished {
		t.Add(a.Name, term.Time(at(a.VanishedAt)), figure(a.OriginalSize, term.Size), figure(a.NFiles, term.Count), figure(a.JobID, func(n int64) string { return fmt.Sprint(n) }))
	}
	if err := t.Print(k.out); err != nil {
		return err
	}
	return k.err.Printf("They were there, and no job of the fleet removed them. Nobody compacts this repository until they are back, or were meant to go: repositories acknowledge-vanished.\n")
}
