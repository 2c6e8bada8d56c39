package cli

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

const aboutRoles = "A viewer reads, an operator starts and cancels jobs too, an admin may everything."

func (k *controller) users() *cli.Command {
	return group("users", "who may use the REST API",
		&cli.Command{
			Name: "list", Usage: "list the users",
			Flags: listFlags(), Action: k.repeated((*controller).listUsers),
		},
		&cli.Command{
			Name: "create", ArgsUsage: "NAME", Usage: "make a user",
			Description: aboutRoles + " The password is asked for twice on a terminal, or read from a file; it has at least 12 characters.",
			Flags: append([]cli.Flag{
				&cli.StringFlag{Name: "role", Value: "viewer", Usage: "what the user may do: `ROLE` is viewer, operator or admin"}, passwordFlag(),
			}, askFlags()...),
			Action: k.createUser,
		},
		&cli.Command{
			Name: "set", ArgsUsage: "USER", Usage: "change a user's role or password",
			Description: aboutRoles + " A new role counts at once. A new password ends the user's logins; API tokens stay.",
			Flags: append([]cli.Flag{
				&cli.StringFlag{Name: "role", Usage: "what the user may do: `ROLE` is viewer, operator or admin"},
				&cli.BoolFlag{Name: "ask-password", Usage: "ask for a new password on the terminal"},
				&cli.StringFlag{Name: "password-file", Usage: "`FILE` with a new password; - is standard input"},
			}, askFlags()...),
			Action: k.setUser,
		},
		&cli.Command{
			Name: "delete", ArgsUsage: "USER", Usage: "remove a user",
			Description: "The user's logins and API tokens are refused from now on. The last administrator cannot be removed.",
			Flags:       append([]cli.Flag{cmdline.YesFlag()}, askFlags()...), Action: k.deleteUser,
		},
	)
}

func (k *controller) listUsers(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		users, err := cl.Users(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(rest.UserList{Users: users})
		}
		t := term.Table{Columns: []term.Column{
			{Title: "NAME", Cut: term.CutEnd}, {Title: "ROLE"}, {Title: "API TOKENS", Right: true, Drop: 2}, {Title: "CREATED", Drop: 1},
		}}
		for _, u := range users {
			t.Add(u.Name, u.Role, fmt.Sprint(u.APITokens), term.Time(at(u.CreatedAt)))
		}
		return t.Print(k.out)
	})
}

func (k *controller) createUser(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "NAME")
	if err != nil {
		return err
	}
	password, err := k.password(c, askNew)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		u, err := cl.CreateUser(ctx, rest.NewUser{Name: args[0], Password: password, Role: c.String("role")})
		return k.tellUser(u, asJSON, err)
	})
}

func (k *controller) setUser(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "USER")
	if err != nil {
		return err
	}
	change := rest.UserChange{Role: c.String("role")}
	if c.Bool("ask-password") || c.String("password-file") != "" {
		if change.Password, err = k.password(c, askNew); err != nil {
			return err
		}
	}
	if change == (rest.UserChange{}) {
		return cmdline.Usagef("there is nothing to change: give --role, --ask-password or --password-file")
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		u, err := cl.ChangeUser(ctx, args[0], change)
		return k.tellUser(u, asJSON, err)
	})
}

func (k *controller) tellUser(u rest.User, asJSON bool, err error) error {
	switch {
	case err != nil:
		return err
	case asJSON:
		return k.out.JSON(u)
	}
	return k.out.Printf("%s has the role %s\n", term.Clean(u.Name), u.Role)
}

func (k *controller) deleteUser(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "USER")
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		about := fmt.Sprintf("This removes the user %s, and ends that one's logins and API tokens.", term.Clean(args[0]))
		if err := cmdline.Confirm(c, k.in, k.err, about, args[0]); err != nil {
			return err
		}
		if err := cl.DeleteUser(ctx, args[0]); err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(map[string]string{"deleted": args[0]})
		}
		return k.err.Printf("%s is no user any more\n", term.Clean(args[0]))
	})
}
