package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/certs"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// The controller has the same limits.
const (
	leastTokenLife = time.Minute
	mostTokenLife  = 30 * 24 * time.Hour
)

func (k *controller) joinToken() *cli.Command {
	return group("join-token", "let hosts join the fleet", &cli.Command{
		Name:  "create",
		Usage: "make a token with which a host can enroll",
		Description: "The last line of the output is the token alone:\n\n" +
			"  borgfleet-controller join-token create --name web1 | tail -n 1 | ssh root@web1 borgfleet-agent enroll --token-file -\n\n" +
			"Whoever has the token can enroll a host until it is used up or has ended.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "the agent's `NAME` (default: the host's)"},
			&cli.StringFlag{Name: "ttl", Value: "1h", Usage: "how long the token is good, as `TIME`: 30m, 1h, 7d"},
			&cli.IntFlag{Name: "uses", Value: 1, Usage: "how many hosts may use it (`N`), for images of hosts"},
			&cli.StringSliceFlag{Name: "label", Usage: "give the agent a label `KEY=VALUE`"},
		}, askFlags()...),
		Action: k.createJoinToken,
	})
}

func (k *controller) createJoinToken(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	ttl, err := cmdline.Span(c.String("ttl"))
	if err != nil {
		return cmdline.Usagef("--ttl: %w", err)
	}
	if ttl < leastTokenLife || ttl > mostTokenLife {
		return cmdline.Usagef("--ttl is between 1 minute and 30 days")
	}
	if c.Int("uses") < 1 {
		return cmdline.Usagef("--uses is at least 1")
	}
	labels, err := cmdline.Labels(c.StringSlice("label"))
	if err != nil {
		return cmdline.Usagef("--label: %w", err)
	}
	req := rest.JoinTokenRequest{Name: c.String("name"), Labels: labels, TTL: int64(ttl / time.Second), Uses: c.Int("uses")}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		t, err := cl.CreateJoinToken(ctx, req)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(t)
		}
		return k.tellJoinToken(t, req.Uses)
	})
}

// tellJoinToken prints the command for the host. The token is not in it: every
// account of a host sees its command lines.
func (k *controller) tellJoinToken(t rest.JoinToken, uses int) error {
	hosts := "one host"
	if uses > 1 {
		hosts = term.Count(int64(uses)) + " hosts"
	}
	where := ""
	if token, err := certs.ParseJoinToken(t.Token); err == nil {
		where = ", which will connect to " + term.Clean(token.URL)
	}
	return k.out.Printf("For %s, until %s%s. Run there as root:\n\n  borgfleet-agent enroll --token-file -\n\n"+
		"paste the token, which is the last line here, and press Enter and Ctrl-D. With --allow-repository PATTERN behind it, the host's owner says into which repositories "+
		"the controller may back up, such as 'ssh://backup@store.example.org/srv/borg/**'; without it enroll says how to allow that afterwards.\n\n%s\n",
		hosts, term.Time(at(t.ExpiresAt)), where, term.Clean(t.Token))
}

// at is the zero time for null.
func at(t *rest.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// text is what a value that may be null holds.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
