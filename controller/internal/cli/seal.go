package cli

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/knownkeys"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
	"borgfleet/shared/term"
)

// sealTo seals a passphrase to an agent, and to the fleet's recovery key. Which
// keys those are the controller says. One that was taken over could name its own,
// so what was sealed to before counts, and what a person gives counts more.
func (k *controller) sealTo(ctx context.Context, c *cli.Context, cl *client.Client, agent rest.Agent, path string, passphrase []byte) ([]byte, error) {
	key, err := cl.RecoveryKey(ctx)
	if err != nil {
		return nil, err
	}
	return k.sealToKeys(c, agent, key.Recipient, path, passphrase)
}

func (k *controller) sealToKeys(c *cli.Context, agent rest.Agent, recovery, path string, passphrase []byte) ([]byte, error) {
	if agent.AgeRecipient == nil {
		return nil, fmt.Errorf("the agent %s has told no sealing key: upgrade it, or enroll it again", agent.Name)
	}
	for _, n := range []named{hostKey(c, agent), fleetKey(c, recovery)} {
		if err := k.trust(c, n); err != nil {
			return nil, err
		}
	}
	sealed, err := seal.Seal(*agent.AgeRecipient, agent.ID, job.Location(path, agent.ID), passphrase, recovery)
	if err != nil {
		return nil, err
	}
	return sealed, k.err.Printf("The passphrase is sealed to %s, key %s (enroll showed it on that host), and to the fleet's recovery key, %s.\n",
		term.Clean(agent.Name), seal.Fingerprint(*agent.AgeRecipient), seal.Fingerprint(recovery))
}

func hostKey(c *cli.Context, agent rest.Agent) named {
	return named{
		Key:    knownkeys.Key{Controller: controllerOf(c), ID: agent.ID, Name: agent.Name, Key: *agent.AgeRecipient},
		option: "agent-key", whose: "the key of " + term.Clean(agent.Name), compare: "enroll showed it on that host",
		changed: "if the host was enrolled anew",
	}
}

func fleetKey(c *cli.Context, recovery string) named {
	return named{
		Key:    knownkeys.Key{Controller: controllerOf(c), Key: recovery},
		option: "recovery-key", whose: "the fleet's recovery key", compare: "its private half is with you: age-keygen -y gives its public half, which borgfleet-controller fleet recovery-key show has with the fingerprint",
		changed: "if you have replaced it",
	}
}

// named is a key as the controller names it.
type named struct {
	knownkeys.Key
	option  string // that pins it
	whose   string
	compare string // where a person finds the true one
	changed string // when it may be another one
}

// trust says why a key is not sealed to; nil: it is, and is remembered.
func (k *controller) trust(c *cli.Context, n named) error {
	is := seal.Fingerprint(n.Key.Key)
	given := strings.TrimSpace(c.String(n.option))
	if given != "" && given != n.Key.Key && !strings.EqualFold(given, is) {
		return fmt.Errorf("--%s is not the one that the controller names, %s (fingerprint %s): nothing was sealed. Find out who has replaced it, before you trust it", n.option, n.Key.Key, is)
	}
	book, err := knownkeys.Open()
	if err == nil && given == "" {
		var other knownkeys.Key
		var first bool
		if other, first, err = book.Other(n.Key); err != nil {
			return err
		}
		if other != (knownkeys.Key{}) {
			return fmt.Errorf("the controller names %s as %s, and it was %s before (%s): nothing was sealed. It may have been taken over. Compare (%s); %s, say --%s %s",
				is, n.whose, seal.Fingerprint(other.Key), book.Path(), n.compare, n.changed, n.option, is)
		}
		if !first {
			return nil
		}
	}
	if err == nil {
		err = book.Keep(n.Key)
	}
	switch {
	case err != nil:
		return k.err.Printf("warning: %s, %s, cannot be remembered: %s. Compare it each time (%s), or give --%s\n", n.whose, is, term.Clean(err.Error()), n.compare, n.option)
	case given == "":
		return k.err.Printf("First use of %s, %s: compare it (%s). It is remembered in %s, and another one will be refused.\n", n.whose, is, n.compare, term.Clean(book.Path()))
	}
	return nil
}

// controllerOf is the controller as the person names it, which nobody else can
// change.
func controllerOf(c *cli.Context) string {
	if server := c.String("server"); server != "" {
		if u, err := url.Parse(server); err == nil {
			return strings.ToLower(u.Scheme+"://"+u.Host) + strings.TrimSuffix(u.Path, "/")
		}
		return server
	}
	socket := AdminSocket(c.String("data-dir"))
	if full, err := filepath.Abs(socket); err == nil {
		return full
	}
	return socket
}
