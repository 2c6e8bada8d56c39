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
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// The controller has the same limits.
const (
	leastAPITokenLife = time.Second
	mostAPITokenLife  = 10 * 365 * 24 * time.Hour
)

func (k *controller) tokens() *cli.Command {
	return group("tokens", "with what programs use the REST API",
		&cli.Command{
			Name: "list", Usage: "list the API tokens: your own, or all as an administrator",
			Flags: listFlags(), Action: k.repeated((*controller).listTokens),
		},
		&cli.Command{
			Name: "create", ArgsUsage: "NAME", Usage: "make an API token; NAME says what it is for",
			Description: "The last line of the output is the token alone, which is shown this once:\n\n" +
				"  borgfleet-controller tokens create dashboard --user ann --expires-in 90d | tail -n 1 > dashboard.token\n\n" +
				"It may do what its role says, and never more than its user may at that moment. With --repository or --agent it reaches these alone: their jobs, archives and restores, and nothing that is about all of the fleet.",
			Flags: append([]cli.Flag{
				&cli.StringFlag{Name: "user", Usage: "whose it is: `USER`; needed on the admin socket (default: yours)"},
				&cli.StringFlag{Name: "role", Value: "viewer", Usage: "the most that it may do: `ROLE` is viewer, operator or admin"},
				&cli.StringSliceFlag{Name: "repository", Usage: "let it reach this `REPOSITORY` only, by path, name or id; may be repeated"},
				&cli.StringSliceFlag{Name: "agent", Usage: "let it reach the repositories of this `AGENT` only, by name or id, also those to come; may be repeated"},
				&cli.StringFlag{Name: "expires-in", Usage: "how long it is good, as `TIME`: 12h, 90d (default: without end)"},
			}, askFlags()...),
			Action: k.createToken,
		},
		&cli.Command{
			Name: "delete", ArgsUsage: "TOKEN", Usage: "end an API token; TOKEN is its id",
			Flags: append([]cli.Flag{cmdline.YesFlag()}, askFlags()...), Action: k.deleteToken,
		},
	)
}

func (k *controller) listTokens(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		tokens, err := cl.APITokens(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(rest.APITokenList{Tokens: tokens})
		}
		if len(tokens) == 0 {
			return k.err.Printf("There is no API token. Make one with borgfleet-controller tokens create.\n")
		}
		t := term.Table{Columns: []term.Column{
			{Title: "ID"}, {Title: "NAME", Cut: term.CutEnd}, {Title: "USER", Cut: term.CutEnd}, {Title: "ROLE"}, {Title: "REACHES", Cut: term.CutEnd, Drop: 4},
			{Title: "LAST USED", Drop: 1}, {Title: "EXPIRES", Drop: 2}, {Title: "CREATED", Drop: 3},
		}}
		for _, token := range tokens {
			t.Add(token.ID, token.Name, token.User, token.Role, cmp.Or(strings.TrimPrefix(reach(token), ", only for "), "everything"), used(token, k.now()), expiry(token, k.now()), term.Time(at(token.CreatedAt)))
		}
		return t.Print(k.out)
	})
}

// reach is what of the fleet a token reaches, in few words; empty: everything.
func reach(t rest.APIToken) string {
	var parts []string
	for _, id := range t.Repositories {
		parts = append(parts, fmt.Sprintf("repository %d", id))
	}
	for _, id := range t.Agents {
		parts = append(parts, "agent "+term.Clean(id))
	}
	if len(parts) == 0 {
		return ""
	}
	return ", only for " + strings.Join(parts, ", ")
}

func used(t rest.APIToken, now time.Time) string {
	if t.LastUsedAt == nil {
		return "never"
	}
	return term.Ago(t.LastUsedAt.Time, now)
}

func expiry(t rest.APIToken, now time.Time) string {
	switch {
	case t.ExpiresAt == nil:
		return "never"
	case !t.ExpiresAt.After(now):
		return "expired"
	}
	return term.Time(t.ExpiresAt.Time)
}

func (k *controller) createToken(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "NAME")
	if err != nil {
		return err
	}
	req := rest.APITokenRequest{Name: args[0], User: c.String("user"), Role: c.String("role")}
	if text := c.String("expires-in"); text != "" {
		life, err := cmdline.Span(text)
		if err != nil {
			return cmdline.Usagef("--expires-in: %w", err)
		}
		if life < leastAPITokenLife || life > mostAPITokenLife {
			return cmdline.Usagef("--expires-in is between 1 second and 10 years; leave it out for a token without end")
		}
		req.ExpiresIn = int64(life / time.Second)
	}
	if req.User == "" && c.String("server") == "" {
		return cmdline.Usagef("--user is missing: a token belongs to a user; see borgfleet-controller users list")
	}
	req.Agents = c.StringSlice("agent")
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		for _, ref := range c.StringSlice("repository") {
			r, err := findRepository(ctx, cl, ref, "")
			if err != nil {
				return err
			}
			req.Repositories = append(req.Repositories, r.ID)
		}
		t, err := cl.CreateAPIToken(ctx, req)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(t)
		}
		end := "without end"
		if t.ExpiresAt != nil {
			end = "until " + term.Time(t.ExpiresAt.Time)
		}
		return k.out.Printf("For %s as %s%s, %s. It is shown this once; to end it: borgfleet-controller tokens delete %s\n\n%s\n",
			term.Clean(t.User), t.Role, reach(t.APIToken), end, term.Clean(t.ID), term.Clean(t.Token))
	})
}

func (k *controller) deleteToken(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "TOKEN")
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		about := fmt.Sprintf("This ends the API token %s: whatever uses it is refused from now on.", term.Clean(args[0]))
		if err := cmdline.Confirm(c, k.in, k.err, about, args[0]); err != nil {
			return err
		}
		if err := cl.DeleteAPIToken(ctx, args[0]); err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(map[string]string{"deleted": args[0]})
		}
		return k.err.Printf("The token %s is refused from now on\n", term.Clean(args[0]))
	})
}
