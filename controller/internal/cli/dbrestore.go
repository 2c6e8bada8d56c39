package cli

import (
	"errors"
	"fmt"
	"os"

	"filippo.io/age"
	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/revoked"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) dbRestore() *cli.Command {
	return &cli.Command{
		Name: "restore", ArgsUsage: "FILE", Usage: "make a data directory from a backup",
		Description: "Only into a directory that is empty or not there. Then start the controller on it: the hosts come back and bring what happened since the backup.\n\n" +
			"  borgfleet-controller db restore borgfleet.backup --identity-file key.txt --revocations /old/data/revocations\n\n" +
			"Agents that were revoked or removed since the backup stay out only if the file revocations of the lost data directory is given. Without it, agents that enrolled since are not let in by themselves either, unless you say with --nothing-revoked that nobody was shut out.",
		Flags: []cli.Flag{
			dataDirFlag(),
			&cli.StringFlag{Name: "identity-file", Usage: "`FILE` with the age key that opens the certificate authority in the backup"},
			&cli.StringFlag{Name: "passphrase-file", Usage: "`FILE` with the passphrase that opens it; - is standard input"},
			&cli.StringFlag{Name: "ca", Usage: "take the certificate authority from `DIR`, a copy of ca in the lost data directory"},
			&cli.BoolFlag{Name: "new-ca", Usage: "go on without it: every host has to enroll again"},
			&cli.StringFlag{Name: "revocations", Usage: "the file revocations of the lost data directory, as `FILE`"},
			&cli.BoolFlag{Name: "nothing-revoked", Usage: "nobody was revoked or removed since the backup: agents that enrolled since come back by themselves"},
		},
		Action: k.restoreBackup,
	}
}

func (k *controller) restoreBackup(c *cli.Context) error {
	args, err := cmdline.Args(c, "FILE")
	if err != nil {
		return err
	}
	r, err := k.restoring(c)
	if err != nil {
		return err
	}
	in, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer in.Close()
	m, err := r.Run(in)
	if errors.Is(err, backup.ErrNoAuthority) {
		return cmdline.Usagef("%w: give --identity-file or --passphrase-file to open the one in the backup, --ca DIR for a copy that was kept elsewhere, or --new-ca to go on without, and enroll every host again", err)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	return k.restored(c, r, m)
}

func (k *controller) restoring(c *cli.Context) (backup.Restore, error) {
	r := backup.Restore{
		DataDir: c.String("data-dir"), AuthorityDir: c.String("ca"), NewAuthority: c.Bool("new-ca"),
		NothingRevoked: c.Bool("nothing-revoked"), Now: k.now(),
	}
	given := 0
	for _, name := range []string{"identity-file", "passphrase-file", "ca", "new-ca"} {
		if c.IsSet(name) {
			given++
		}
	}
	if given > 1 {
		return r, cmdline.Usagef("--identity-file, --passphrase-file, --ca and --new-ca: give one of them")
	}
	if c.IsSet("revocations") && r.NothingRevoked {
		return r, cmdline.Usagef("--revocations and --nothing-revoked: give one of them")
	}
	var err error
	if r.Identity, err = k.restoreIdentity(c); err != nil {
		return r, err
	}
	if file := c.String("revocations"); file != "" {
		r.HasRevocations = true
		if r.Revocations, err = revoked.Read(file); err != nil {
			return r, cmdline.Usagef("--revocations: %w", err)
		}
	}
	return r, nil
}

func (k *controller) restoreIdentity(c *cli.Context) (age.Identity, error) {
	if file := c.String("passphrase-file"); file != "" {
		line, err := k.secretLine(file, "passphrase")
		if err != nil {
			return nil, err
		}
		return age.NewScryptIdentity(string(line))
	}
	file := c.String("identity-file")
	if file == "" {
		return nil, nil
	}
	data, _, err := cmdline.ReadSecret(file, k.in)
	if err != nil {
		return nil, cmdline.Usagef("--identity-file: %w", err)
	}
	id, err := backup.Identities(string(data))
	if err != nil {
		return nil, cmdline.Usagef("--identity-file %s: %w", file, err)
	}
	return id, nil
}

// restored says what is true now, and what cannot be known.
func (k *controller) restored(c *cli.Context, r backup.Restore, m backup.Manifest) error {
	dir := term.Clean(c.String("data-dir"))
	text := fmt.Sprintf("Restored the controller of %s into %s: %s, %s, %s.\n", term.Time(m.CreatedAt), dir,
		amount(m.Jobs, "job", "jobs"), amount(m.Agents, "agent", "agents"), amount(m.Repositories, "repository", "repositories"))
	if r.NewAuthority {
		text += "The certificate authority will be a new one: every host has to enroll again, with an empty --state-dir.\n"
	}
	if !r.HasRevocations && !r.NothingRevoked {
		text += "An agent that was revoked after the backup is trusted again until you revoke it again. One that enrolled after it waits for borgfleet-controller db admit.\n"
	}
	text += "Users, passwords and API tokens are those of the backup: look through users list and tokens list for what was taken away since. Logins have ended, and join tokens are gone.\n" +
		"The directory belongs to this account; if the controller runs as another one, give it to that (chown -R).\n" +
		"Next: borgfleet-controller serve --data-dir " + dir + ", and then borgfleet-controller db differences\n"
	return k.out.Printf("%s", text)
}
