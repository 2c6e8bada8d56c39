package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/access"
	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/nextstep"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// adoptTime is how long a repository may take to be listed.
const adoptTime = 5 * time.Minute

func (a *agent) adopt() *cli.Command {
	return &cli.Command{
		Name: "adopt", ArgsUsage: "LOCATION",
		Usage: "hand a repository that this host backs up to over to the agent",
		Description: "Run it as the account that the agent runs as. It looks whether borg opens the repository with that account's own keys and caches and the passphrase that is named, lists its archives, and then allows the location in agent.yaml. Nothing in the repository changes, and the passphrase stays on this host.\n\n" +
			"  borgfleet-agent adopt /srv/borg/web1 --passphrase-file /root/.borg-passphrase",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "passphrase-file", Usage: "`FILE` that holds the passphrase, readable by its owner only"},
			&cli.StringFlag{Name: "passphrase-command", Usage: "`COMMAND` that prints the passphrase; its words are split at spaces, no shell runs it"},
			&cli.StringFlag{Name: "borg-base-dir", Usage: "`DIR` that was BORG_BASE_DIR, if it was set"},
			&cli.StringFlag{Name: "encryption", Usage: "`MODE` of the repository; none is needed for one that is not encrypted and that this account has not used yet"},
			stateDirFlag(), configFlag(), cmdline.OutputFlag(),
		},
		Action: a.runAdopt,
	}
}

// adopted is what -o json shows.
type adopted struct {
	Location   string `json:"location"`
	Encryption string `json:"encryption"`
	BorgID     string `json:"borg_id"`
	Archives   int    `json:"archives"`
	Newest     string `json:"newest_archive"`
}

func (a *agent) runAdopt(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "LOCATION")
	if err != nil {
		return err
	}
	dir, err := stateDir(c)
	if err != nil {
		return err
	}
	id, err := identity(dir)
	if err != nil {
		return err
	}
	conf, file, err := loadConfig(c, dir)
	if err != nil {
		return err
	}
	if err := withAdopted(&conf, c, args[0]); err != nil {
		return cmdline.Usagef("%w", err)
	}
	mode, err := adoptEncryption(c)
	if err != nil {
		return cmdline.Usagef("%w", err)
	}
	archives, repo, err := look(c.Context, dir, id, conf, job.Repository{Path: args[0], Encryption: mode, AccountDirs: true})
	if err != nil {
		return fmt.Errorf("%s is not adopted, and agent.yaml is as it was: %w", args[0], err)
	}
	// Read anew: a look takes minutes, and the owner may have taken something
	// back meanwhile.
	err = policy.Change(file, func(now *policy.Config) error { return withAdopted(now, c, args[0]) })
	if err != nil {
		return permission(err, dir)
	}
	out := adopted{Location: args[0], Encryption: repo.Encryption, BorgID: repo.BorgID, Archives: len(archives)}
	if n := len(archives); n > 0 {
		out.Newest = archives[n-1].Name
	}
	if asJSON {
		return a.out.JSON(out)
	}
	return a.tellAdopted(out, id)
}

// withAdopted puts the repository into the configuration.
func withAdopted(conf *policy.Config, c *cli.Context, location string) error {
	entry, err := adoptEntry(c, location)
	if err != nil {
		return err
	}
	if err := conf.Allow.AddRepository(entry.Location); err != nil {
		return err
	}
	if entry.HasPassphrase() || entry.BorgBaseDir != "" {
		conf.SetRepository(entry)
	}
	return conf.Check()
}

// look lists the repository as a job would.
func look(ctx context.Context, dir state.Dir, id state.Identity, conf policy.Config, repo job.Repository) ([]borg.Archive, borg.Repository, error) {
	ctx, cancel := context.WithTimeout(ctx, adoptTime)
	defer cancel()
	none := func(err error) ([]borg.Archive, borg.Repository, error) { return nil, borg.Repository{}, err }
	host, err := access.Host(dir, id, conf, repo)
	if err != nil {
		return none(err)
	}
	tool, err := borg.Find(ctx, conf.Borg)
	if err != nil {
		return none(err)
	}
	pass, said, err := access.Passphrase(ctx, dir, id, conf, repo)
	if err != nil && len(said) > 0 {
		err = fmt.Errorf("%w; it said: %s", err, strings.Join(said, "; "))
	}
	if err != nil {
		return none(err)
	}
	inv, err := borg.List(host, repo)
	if err != nil {
		return none(err)
	}
	archives, found, err := borg.ReadList(tool.Run(ctx, inv, pass))
	if err != nil {
		return none(hinted(repo.Path, err))
	}
	return archives, found, sameEncryption(repo.Encryption, found.Encryption)
}

// hinted adds what is to be done about an error that a newcomer meets here.
func hinted(location string, err error) error {
	switch borg.CodeOf(err) {
	case borg.CodePassphraseAbsent:
		return fmt.Errorf("%w: name it with --passphrase-file or --passphrase-command", err)
	case borg.CodePassphraseWrong: // no registration is there yet that could be given another one
		return &cmdline.Advised{Err: err, Step: "correct the passphrase (--passphrase-file, --passphrase-command, or what agent.yaml names for it already), then adopt it again"}
	case borg.CodeRepoUntrusted:
		return fmt.Errorf("%w; here that is --encryption none", err)
	case borg.CodeKeyProblem:
		return fmt.Errorf("%w: run this as the account that has made the backups so far, or name its directories with --borg-base-dir", err)
	case borg.CodeRepoNotFound, borg.CodeRepoInvalid, borg.CodeRepoParent:
		return fmt.Errorf("%w: write LOCATION as the borg commands of the backups so far do, and see whether its disk is mounted", err)
	}
	return &cmdline.Advised{Err: err, Step: nextstep.Of(borg.CodeOf(err), nextstep.About{Repository: location})}
}

func (a *agent) tellAdopted(out adopted, id state.Identity) error {
	var f term.Fields
	f.Add("Repository", out.Location)
	f.Add("Encryption", out.Encryption)
	archives := fmt.Sprint(out.Archives)
	if out.Newest != "" {
		archives += ", the newest is " + out.Newest
	}
	f.Add("Archives", archives)
	if err := f.Print(a.out); err != nil {
		return err
	}
	return a.out.Printf("\nThe controller may use it now. To register it there (say what is to be backed up):\n"+
		"  borgfleet-controller repositories import NAME %s --agent %s --source PATH\n", term.Shell(out.Location), term.Shell(id.Name))
}
