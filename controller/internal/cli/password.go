package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) passwd() *cli.Command {
	return &cli.Command{
		Name: "password", Usage: "change your own password",
		Description: "All your logins end, and you are logged in anew; API tokens stay. On the controller's own host root needs no old password to set anybody's: " +
			"borgfleet-controller users set NAME --ask-password\n\n" +
			"  borgfleet-controller password --server https://backup.example.org --token-file ~/.borgfleet-token",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "server", Usage: "`URL` of the controller's REST API"},
			&cli.StringFlag{Name: "username", Usage: "your `NAME` (default: it is asked for on the terminal)"},
			&cli.StringFlag{Name: "password-file", Usage: "`FILE` with the old password; - is standard input (default: it is asked for on the terminal)"},
			&cli.StringFlag{Name: "new-password-file", Usage: "`FILE` with the new one (default: it is asked for on the terminal, twice)"},
			&cli.StringFlag{Name: "token-file", Usage: "write the token of the new login to `FILE`, which only you can read"},
			cmdline.OutputFlag(),
		},
		Action: k.runPasswd,
	}
}

func (k *controller) runPasswd(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.withPassword(c, askOld, func(ctx context.Context, cl *client.Client, name, old string) error {
		// Before it is asked for the new one: who mistypes the old is told at once.
		if _, err := cl.Login(ctx, name, old); err != nil {
			return err
		}
		next, err := k.newPassword(c)
		if err != nil {
			_ = cl.Logout(ctx) // that login was for nothing
			return err
		}
		token, err := cl.ChangePassword(ctx, old, next)
		if err != nil {
			_ = cl.Logout(ctx)
			return err
		}
		return k.tellToken(c, token, "The password is another one, and all logins have ended; logged in as "+term.Clean(name), asJSON)
	})
}

func (k *controller) newPassword(c *cli.Context) (string, error) {
	if file := c.String("new-password-file"); file != "" {
		line, err := k.secretLine(file, "new password")
		return string(line), err
	}
	keyboard, ok := term.KeyboardOf(k.in, k.err)
	if !ok {
		return "", cmdline.Usagef("there is no terminal to ask for the new password on: give --new-password-file FILE")
	}
	return askNew(c.Context, keyboard)
}

func askOld(ctx context.Context, keyboard term.Keyboard) (string, error) {
	return keyboard.Secret(ctx, "Old password: ")
}
