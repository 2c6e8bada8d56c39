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

func (k *controller) repositories() *cli.Command {
	return group("repositories", "what is backed up where", k.repositoriesCreate(), &cli.Command{
		Name:   "list",
		Usage:  "list the repositories",
		Flags:  askFlags(),
		Action: k.listRepositories,
	})
}

func (k *controller) listRepositories(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	asJSON, err := cmdline.WantsJSON(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		list, err := cl.Repositories(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(rest.RepositoryList{Repositories: list})
		}
		if len(list) == 0 {
			return k.err.Printf("No repository is registered yet. Register one with borgfleet-controller repositories create.\n")
		}
		t := term.Table{Columns: []term.Column{
			{Title: "ID", Right: true}, {Title: "NAME", Cut: term.CutEnd}, {Title: "AGENT", Cut: term.CutEnd}, {Title: "PATH", Cut: term.CutStart},
			{Title: "STATUS"}, {Title: "ENCRYPTION"}, {Title: "SOURCES", Cut: term.CutEnd}, {Title: "ABOUT", Cut: term.CutEnd},
		}}
		for _, r := range list {
			t.Add(fmt.Sprint(r.ID), r.Name, r.Agent, r.Path, r.Status, r.Encryption, strings.Join(r.SourceDirectories, ", "), text(r.ErrorMessage))
		}
		return t.Print(k.out)
	})
}

func (k *controller) tellRepository(r rest.Repository) error {
	var f term.Fields
	f.Add("Repository", fmt.Sprintf("%s (id %d)", r.Name, r.ID))
	f.Add("Path", r.Path)
	f.Add("Agent", r.Agent)
	f.Add("Status", r.Status)
	if r.AlreadyExisted {
		f.Add("Note", "a borg repository was there already; it is used as it is")
	}
	f.Add("Problem", text(r.ErrorMessage))
	if err := f.Print(k.out); err != nil {
		return err
	}
	switch r.Status {
	case "pending":
		return k.out.Printf("\nThe agent has not made it yet (offline, or slow storage): see borgfleet-controller repositories list\n")
	case "failed":
		return nil
	}
	return k.out.Printf("\nTo back up now: borgfleet-controller jobs start %d --follow\n", r.ID)
}
