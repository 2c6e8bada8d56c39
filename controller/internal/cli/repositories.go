package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/nextstep"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) repositories() *cli.Command {
	commands := []*cli.Command{k.repositoriesCreate(), k.repositoriesImport(), {
		Name:   "list",
		Usage:  "list the repositories",
		Flags:  listFlags(),
		Action: k.repeated((*controller).listRepositories),
	}, k.repositoriesShow(), k.repositoriesUpdate(), k.repositoriesRetry(), k.repositoriesDelete(), k.repositoriesJobs(), k.repositoriesAcknowledge(), k.repositoriesAcceptSize(), k.repositoriesRecover()}
	return group("repositories", "what is backed up where", append(commands, k.maintenanceCommands()...)...)
}

func (k *controller) listRepositories(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
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
		return k.tellRepositories(list)
	})
}

// tellRepositories shows a list; except are titles of columns that would say the
// same in each row.
func (k *controller) tellRepositories(list []rest.Repository, except ...string) error {
	if len(list) == 0 {
		return k.err.Printf("No repository is registered yet. Register one with borgfleet-controller repositories create.\n")
	}
	columns, keep := without([]term.Column{
		{Title: "ID", Right: true}, {Title: "NAME", Cut: term.CutEnd}, {Title: "AGENT", Cut: term.CutEnd, Drop: 2}, {Title: "PATH", Cut: term.CutStart, Drop: 1},
		{Title: "STATUS"}, {Title: "ENCRYPTION", Drop: 5}, {Title: "SOURCES", Cut: term.CutEnd, Drop: 4}, {Title: "ABOUT", Cut: term.CutEnd, Drop: 3},
	}, except)
	t := term.Table{Columns: columns}
	for _, r := range list {
		t.Add(keep([]string{fmt.Sprint(r.ID), r.Name, r.Agent, r.Path, r.Status, text(r.Encryption), strings.Join(r.SourceDirectories, ", "), cmp.Or(text(r.ErrorMessage), vanishedText(r))})...)
	}
	return t.Print(k.out)
}

func (k *controller) tellRepository(r rest.Repository) error {
	var f term.Fields
	f.Add("Repository", fmt.Sprintf("%s (id %d)", r.Name, r.ID))
	f.Add("Path", r.Path)
	f.Add("Agent", r.Agent)
	f.Add("Maintainer", text(r.Maintainer))
	f.Add("Status", r.Status)
	f.Add("Encryption", text(r.Encryption))
	f.Add("Sources", strings.Join(r.SourceDirectories, "\n"))
	f.Add("Retention", retentionText(r.Retention))
	f.Add("Hooks", hooksText(r.Hooks))
	if r.AlreadyExisted {
		note := "a borg repository was there already; it is used as it is"
		if r.AccountDirectories {
			note += ", with the keys and caches of the agent's account"
		}
		f.Add("Note", note)
	}
	if r.Archives != nil {
		f.Add("Archives", archivesText(r))
	}
	if id := r.PassphraseJobID; id != nil {
		f.Add("Passphrase", fmt.Sprintf("job %d tries a new one; until it has opened the repository the old one counts", *id))
	}
	f.Add("Recovery", recoveryText(r))
	f.Add("Problem", cmp.Or(text(r.ErrorMessage), vanishedText(r)))
	f.Add("Next", nextstep.Of(text(r.ErrorCode), nextstep.About{Agent: r.Agent, Repository: fmt.Sprint(r.ID)}))
	if err := f.Print(k.out); err != nil {
		return err
	}
	switch r.Status {
	case "pending":
		if r.Imported {
			return k.out.Printf("\nThe agent has not listed it yet (offline, or slow storage): see borgfleet-controller repositories list\n")
		}
		return k.out.Printf("\nThe agent has not made it yet (offline, or slow storage): see borgfleet-controller repositories list\n")
	case "failed":
		return k.out.Printf("\nWhen that is mended: borgfleet-controller repositories retry %d\n", r.ID)
	}
	return k.out.Printf("\nTo back up now: borgfleet-controller jobs start %d --follow\n", r.ID)
}

// recoveryText says what the recovery key opens when the host is gone.
func recoveryText(r rest.Repository) string {
	c := r.Recovery
	switch {
	case r.Encryption == nil || *r.Encryption == "none" || r.Status != "ready":
		return ""
	case c == nil:
		return "nothing of it is sealed to the recovery key yet"
	}
	what := "key and passphrase are"
	if !c.Passphrase {
		what = "its key, and not the passphrase, is"
	}
	what += " sealed to the recovery key as of " + term.Time(at(c.SealedAt))
	if !c.Current {
		what += ", to a former one: " + c.Fingerprint
	}
	return what
}

// archivesText counts, and says what it means that some do not match.
func archivesText(r rest.Repository) string {
	text := fmt.Sprintf("%d as of %s", *r.Archives, term.Time(at(r.CatalogueAsOf)))
	if n := r.ArchivesUnmatched; n != nil && *n > 0 {
		text += fmt.Sprintf("; %d of them do not match %s: they stay as they are, and are never pruned", *n, r.MatchArchives)
	}
	return text
}
