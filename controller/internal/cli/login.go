package cli

import (
	"context"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) login() *cli.Command {
	return &cli.Command{
		Name: "login", Usage: "get a token for --server with a name and a password",
		Description: "On the controller's own host the admin socket needs no login.\n\n" +
			"  borgfleet-controller login --server https://backup.example.org --token-file ~/.borgfleet-token\n" +
			"  borgfleet-controller jobs list --server https://backup.example.org --api-token-file ~/.borgfleet-token\n\n" +
			"Without --token-file the last line of the output is the token alone.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "server", Usage: "`URL` of the controller's REST API"},
			&cli.StringFlag{Name: "username", Usage: "`NAME` to log in with (default: it is asked for on the terminal)"},
			passwordFlag(),
			&cli.StringFlag{Name: "token-file", Usage: "write the token to `FILE`, which only you can read"},
			cmdline.OutputFlag(),
		},
		Action: k.runLogin,
	}
}

func (k *controller) runLogin(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.withPassword(c, askOnce, func(ctx context.Context, cl *client.Client, name, password string) error {
		token, err := cl.Login(ctx, name, password)
		if err != nil {
			return err
		}
		return k.tellToken(c, token, "Logged in as "+term.Clean(name), asJSON)
	})
}

// withPassword calls use with a client of --server, and with the name and the
// password of who is to log in there.
func (k *controller) withPassword(c *cli.Context, ask func(context.Context, term.Keyboard) (string, error), use func(ctx context.Context, cl *client.Client, name, password string) error) error {
	server := c.String("server")
	if server == "" {
		return cmdline.Usagef("--server URL is missing: on the controller's own host no login is needed")
	}
	cl, err := client.New(server, "")
	if err != nil {
		return cmdline.Usagef("--server: %w", err)
	}
	defer cl.Close()
	name, err := k.username(c)
	if err != nil {
		return err
	}
	password, err := k.password(c, ask)
	if err != nil {
		return err
	}
	return explainServer(server, use(c.Context, cl, name, password))
}

// tellToken gives the token of a login to who asked for it.
func (k *controller) tellToken(c *cli.Context, token rest.Token, done string, asJSON bool) error {
	if asJSON {
		return k.out.JSON(token)
	}
	until := term.Time(k.now().Add(time.Duration(token.ExpiresIn) * time.Second))
	file := c.String("token-file")
	if file == "" {
		return k.out.Printf("%s until %s\n\n%s\n", done, until, term.Clean(token.AccessToken))
	}
	if err := secretfile.Write(file, []byte(token.AccessToken+"\n"), 0o600); err != nil {
		return err
	}
	return k.err.Printf("%s until %s; the token is in %s, for --api-token-file\n", done, until, term.Clean(file))
}

func (k *controller) username(c *cli.Context) (string, error) {
	if name := c.String("username"); name != "" {
		return name, nil
	}
	keyboard, ok := term.KeyboardOf(k.in, k.err)
	if !ok {
		return "", cmdline.Usagef("there is no terminal to ask for the user's name on: give --username")
	}
	return keyboard.Line(c.Context, "User name: ")
}

func (k *controller) logout() *cli.Command {
	return &cli.Command{
		Name: "logout", Usage: "end the login of a token",
		Description: "The token in --api-token-file or BORGFLEET_API_TOKEN is refused from now on. An API token is ended with tokens delete.",
		Flags:       askFlags(),
		Action:      k.runLogout,
	}
}

func (k *controller) runLogout(c *cli.Context) error {
	if _, _, err := cmdline.Given(c); err != nil {
		return err
	}
	if c.String("server") == "" {
		return cmdline.Usagef("--server URL is missing: on the admin socket there is no login to end")
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		if err := cl.Logout(ctx); err != nil {
			return err
		}
		return k.err.Printf("Logged out: the token is refused from now on\n")
	})
}
