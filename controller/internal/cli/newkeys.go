package cli

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/knownkeys"
	"borgfleet/controller/internal/plan"
	"borgfleet/shared/seal"
	"borgfleet/shared/term/cmdline"
)

// newKeys are the keys that a plan seals to and that nobody has compared on this
// account. A file can be for hosts of a label, and a controller that was taken over
// can make up such a host, with a key of its own.
func newKeys(c *cli.Context, p plan.Plan, recovery string) (unknown []named, err error) {
	seen := map[knownkeys.Key]bool{}
	for _, change := range p.Changes {
		if !seals(change) || change.Host.AgeRecipient == nil {
			continue
		}
		for _, n := range []named{hostKey(c, change.Host), fleetKey(c, recovery)} {
			if seen[n.Key] {
				continue
			}
			seen[n.Key] = true
			first, err := isNew(c, n)
			if err != nil {
				return nil, err
			}
			if first {
				unknown = append(unknown, n)
			}
		}
	}
	return unknown, nil
}

// seals says whether a change gives a passphrase away.
func seals(c plan.Change) bool {
	return c.Repository != nil && c.Repository.Passphrase != nil && (c.Action == plan.Create || c.Action == plan.TakeOver)
}

// isNew: one that a person gives, or that is another one than before, is trust's.
func isNew(c *cli.Context, n named) (bool, error) {
	if c.String(n.option) != "" {
		return false, nil
	}
	book, err := knownkeys.Open()
	if err != nil {
		return true, nil // of what cannot be remembered nothing is known
	}
	_, first, err := book.Other(n.Key)
	return first, err
}

// unknownKey is one for programs.
type unknownKey struct {
	Agent       string `json:"agent,omitempty"` // empty: the fleet's recovery key
	AgentID     string `json:"agent_id,omitempty"`
	Fingerprint string `json:"fingerprint"`
}

func unknownKeys(unknown []named) []unknownKey {
	out := []unknownKey{}
	for _, n := range unknown {
		out = append(out, unknownKey{n.Key.Name, n.Key.ID, seal.Fingerprint(n.Key.Key)})
	}
	return out
}

func (k *controller) showNewKeys(unknown []named) error {
	for _, n := range unknown {
		if err := k.out.Printf("%s is not known here yet: compare %s (%s)\n", n.whose, seal.Fingerprint(n.Key.Key), n.compare); err != nil {
			return err
		}
	}
	return nil
}

// refuseUnasked: who says yes beforehand has not seen the keys, and where nobody can be
// asked only that goes on. All that is needed is said at once.
func (k *controller) refuseUnasked(c *cli.Context, p applyPlan) error {
	yes := c.Bool("yes")
	if len(p.unknown) == 0 || c.Bool("accept-new-keys") || !yes && cmdline.CanAsk(k.in) {
		return nil
	}
	var whose []string
	for _, n := range p.unknown {
		whose = append(whose, fmt.Sprintf("%s (%s)", n.whose, seal.Fingerprint(n.Key.Key)))
	}
	keys, with := strings.Join(whose, ", "), pinning(p)
	if yes {
		return cmdline.Usagef("nothing was done: a passphrase would be sealed to what is not known here yet, %s. Compare each, and add %s, or apply without --yes on a terminal", keys, with)
	}
	return cmdline.Usagef("%s Nothing was done: nobody can be asked here, and a passphrase would be sealed to what is not known here yet, %s. Compare each, and add --yes %s, or apply on a terminal", planText(p.Plan), keys, with)
}

// pinning are the options that take the unknown keys. --agent-key is one host's, and
// refuses those of all others.
func pinning(p applyPlan) string {
	hosts := map[string]bool{}
	for _, change := range p.Changes {
		if seals(change) {
			hosts[change.Host.ID] = true
		}
	}
	if len(hosts) != 1 {
		return "--accept-new-keys"
	}
	var options []string
	for _, n := range p.unknown {
		options = append(options, "--"+n.option+" "+seal.Fingerprint(n.Key.Key))
	}
	return strings.Join(options, " ")
}

// acceptKeys remembers what was agreed to before anything is asked of the
// controller: it cannot name another one for it then.
func (k *controller) acceptKeys(c *cli.Context, unknown []named) error {
	for _, n := range unknown {
		if err := k.trust(c, n); err != nil {
			return err
		}
	}
	return nil
}

// keysText is what is asked about besides the plan.
func keysText(unknown []named) string {
	if len(unknown) == 0 {
		return ""
	}
	return fmt.Sprintf(" Passphrases are sealed to %d keys that are not known here yet, shown above: one that is not yours lets others read them.", len(unknown))
}
