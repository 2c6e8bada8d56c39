package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/knownkeys"
	"borgfleet/shared/seal"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) recoveryKey() *cli.Command {
	return group("recovery-key", "the key that opens the backups of hosts that are gone", k.recoveryKeyShow(), k.recoveryKeyReplace())
}

func (k *controller) recoveryKeyShow() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "show its public half",
		Description: "Passphrases and borg's keys are sealed to it. Its private half was shown when the controller was started for the first time, or lies in initial-recovery-key in the data directory until you take it away; it is kept nowhere else.\n\n" +
			"borgfleet-controller repositories recover uses the private half.",
		Flags:  listFlags(),
		Action: k.repeated((*controller).showRecoveryKey),
	}
}

func (k *controller) showRecoveryKey(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		key, err := cl.RecoveryKey(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(key)
		}
		return k.tellRecoveryKey(key)
	})
}

func (k *controller) tellRecoveryKey(key rest.RecoveryKey) error {
	var f term.Fields
	f.Add("Recovery key", key.Recipient)
	// Made here: it is what the key is compared by, and a controller that was taken over
	// could name another one.
	f.Add("Fingerprint", seal.Fingerprint(key.Recipient))
	by := "the controller made it"
	if key.By != nil {
		by = "put there by " + *key.By
	}
	f.Add("Since", moment(key.Since)+", "+by)
	for _, former := range key.Former {
		f.Add("Before it", former+" (what was sealed to it is still opened by it)")
	}
	return f.Print(k.out)
}

func (k *controller) recoveryKeyReplace() *cli.Command {
	return &cli.Command{
		Name: "replace", Usage: "put another recovery key in its place",
		Description: "Give the public half of a key that you have (age-keygen makes one), or have one made: its private half is written to a file here and sent nowhere.\n\n" +
			"Each host's owner has to accept it, with borgfleet-agent allow --recovery-key: until then the host goes on with the key before it. Hosts that have accepted it seal everything to it by themselves. What was sealed to the former key is still opened by that one: keep it, or destroy it if it was stolen and you have new passphrases and repositories.\n\n" +
			"  borgfleet-controller fleet recovery-key replace --public age1...\n" +
			"  borgfleet-controller fleet recovery-key replace --new-key /media/stick/recovery-key.txt",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "public", Usage: "its public half (`RECIPIENT`, age1...)"},
			&cli.StringFlag{Name: "new-key", Usage: "make a key, and write its private half to `FILE`, which must not be there yet"},
			cmdline.YesFlag(),
		}, askFlags()...),
		Action: k.runReplaceRecoveryKey,
	}
}

func (k *controller) runReplaceRecoveryKey(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	public, file := c.String("public"), c.String("new-key")
	if (public == "") == (file == "") {
		return cmdline.Usagef("give --public with the key's public half, or --new-key with a file for a new one")
	}
	if public != "" {
		if err := seal.CheckRecipient(public); err != nil {
			return cmdline.Usagef("--public: %w", err)
		}
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		const about = "Each host's owner has to accept the new recovery key; until then hosts go on with the former one, which has to be kept."
		if err := cmdline.Confirm(c, k.in, k.err, about, "replace"); err != nil {
			return err
		}
		if file != "" {
			if public, err = newKey(file); err != nil {
				return err
			}
		}
		key, err := cl.ReplaceRecoveryKey(ctx, public)
		if err != nil {
			return err
		}
		if err := k.remember(c, public); err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(key)
		}
		if err := k.tellRecoveryKey(key); err != nil {
			return err
		}
		return k.out.Printf("\nOn each host, after comparing the fingerprint:\n  borgfleet-agent allow --recovery-key %s\n", key.Recipient)
	})
}

// remember: who replaces the key knows it, and need not compare it later.
func (k *controller) remember(c *cli.Context, public string) error {
	book, err := knownkeys.Open()
	if err == nil {
		err = book.Keep(knownkeys.Key{Controller: controllerOf(c), Key: public})
	}
	if err != nil {
		return k.err.Printf("warning: the new key cannot be remembered: %s. The next passphrase from here needs --recovery-key %s\n", term.Clean(err.Error()), public)
	}
	return nil
}

// newKey leaves the private half of a new key in file, and gives the public one.
func newKey(file string) (string, error) {
	switch _, err := os.Lstat(file); {
	case err == nil:
		return "", cmdline.Usagef("--new-key: %s is there already, and is not written over", file)
	case !errors.Is(err, fs.ErrNotExist):
		return "", cmdline.Usagef("--new-key: %w", err)
	}
	id, err := seal.NewIdentity()
	if err != nil {
		return "", err
	}
	if file, err = filepath.Abs(file); err != nil {
		return "", err
	}
	return id.Recipient(), id.Save(file)
}

// recoveryOf says what an agent seals to the recovery key.
func recoveryOf(a rest.Agent) string {
	switch {
	case a.RecoveryAccepted:
		return "its host has accepted the fleet's recovery key"
	case a.RecoveryRecipient == nil:
		return "its host has accepted no recovery key: what is gone with it is gone"
	}
	return fmt.Sprintf("its host seals to another key, %s", seal.Fingerprint(*a.RecoveryRecipient))
}
