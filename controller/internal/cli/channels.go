package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// channelFlags are the settings of a channel. What is secret comes from files: a
// command line can be read by every account of the host.
func channelFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "url", Usage: "webhook: post to this `URL`; ntfy: the topic's address; shoutrrr: the service. Use --url-file if it holds a secret"},
		&cli.StringFlag{Name: "url-file", Usage: "`FILE` with that URL; - is standard input"},
		&cli.StringFlag{Name: "secret-file", Usage: "webhook: `FILE` with the secret that signs, whsec_… (default: one is made, and shown once)"},
		&cli.StringFlag{Name: "token-file", Usage: "ntfy: `FILE` with an access token"},
		&cli.StringFlag{Name: "host", Usage: "mail: the `SERVER`"},
		&cli.Int64Flag{Name: "port", Usage: "mail: its `PORT` (default: 587, 465 with --tls tls, 25 with --tls none)"},
		&cli.StringFlag{Name: "tls", Usage: "mail: `HOW` it is protected: starttls, tls or none (default: starttls)"},
		&cli.StringFlag{Name: "username", Usage: "mail: log in as this `NAME`"},
		&cli.StringFlag{Name: "smtp-password-file", Usage: "mail: `FILE` with the password"},
		&cli.StringFlag{Name: "from", Usage: "mail: the sender's `ADDRESS`"},
		&cli.StringSliceFlag{Name: "to", Usage: "mail: an `ADDRESS` that gets it; may be repeated"},
	}
}

func (k *controller) channelsCreate() *cli.Command {
	return &cli.Command{
		Name: "create", ArgsUsage: "NAME", Usage: "make a channel",
		Description: "  borgfleet-controller notifications channels create ops --type webhook --url https://hooks.example.org/backups\n" +
			"  borgfleet-controller notifications channels create mail --type mail --host mail.example.org --from fleet@example.org --to ops@example.org --username fleet --smtp-password-file mail.pass\n" +
			"  borgfleet-controller notifications channels create phone --type ntfy --url https://ntfy.example.org/backups\n" +
			"  borgfleet-controller notifications channels create chat --type shoutrrr --url-file slack.url\n\n" +
			"Nothing goes there until a rule says so. Try it with borgfleet-controller notifications test NAME.",
		Flags:  append(append([]cli.Flag{&cli.StringFlag{Name: "type", Required: true, Usage: "what kind of receiver it has: `TYPE` is webhook, mail, ntfy or shoutrrr"}}, channelFlags()...), askFlags()...),
		Action: k.createChannel,
	}
}

func (k *controller) createChannel(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "NAME")
	if err != nil {
		return err
	}
	req, err := k.channelRequest(c)
	if err != nil {
		return err
	}
	typ := c.String("type")
	req.Name, req.Type = &args[0], &typ
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		made, err := cl.CreateChannel(ctx, req)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(made)
		}
		if made.Secret != nil {
			if err := k.out.Printf("The secret that signs what is sent, for the receiver. It is shown this once:\n%s\n\n", term.Clean(*made.Secret)); err != nil {
				return err
			}
		}
		return k.out.Printf("Channel %d leads to %s. To try it: borgfleet-controller notifications test %d\n", made.ID, term.Clean(made.Target), made.ID)
	})
}

func (k *controller) channelsChange() *cli.Command {
	return &cli.Command{
		Name: "change", ArgsUsage: "CHANNEL", Usage: "change a channel; what is not given stays",
		Flags: append(append([]cli.Flag{&cli.StringFlag{Name: "name", Usage: "another `NAME`"}}, channelFlags()...), askFlags()...),
		Action: func(c *cli.Context) error {
			args, asJSON, err := cmdline.Given(c, "CHANNEL")
			if err != nil {
				return err
			}
			req, err := k.channelRequest(c)
			if err != nil {
				return err
			}
			if c.IsSet("name") {
				name := c.String("name")
				req.Name = &name
			}
			return k.ask(c, func(ctx context.Context, cl *client.Client) error {
				ch, err := findChannel(ctx, cl, args[0])
				if err != nil {
					return err
				}
				if ch, err = cl.ChangeChannel(ctx, ch.ID, req); err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(ch)
				}
				return k.out.Printf("Channel %d leads to %s\n", ch.ID, term.Clean(ch.Target))
			})
		},
	}
}

// channelRequest has what was given.
func (k *controller) channelRequest(c *cli.Context) (req rest.ChannelRequest, err error) {
	given := func(name string, to **string) {
		if c.IsSet(name) {
			v := c.String(name)
			*to = &v
		}
	}
	given("url", &req.URL)
	given("host", &req.Host)
	given("tls", &req.TLS)
	given("username", &req.Username)
	given("from", &req.From)
	if c.IsSet("port") {
		port := c.Int64("port")
		req.Port = &port
	}
	req.To = c.StringSlice("to")
	for _, f := range []struct {
		option, what string
		to           **string
	}{
		{"url-file", "URL", &req.URL}, {"secret-file", "secret", &req.Secret},
		{"token-file", "token", &req.Token}, {"smtp-password-file", "password", &req.Password},
	} {
		file := c.String(f.option)
		if file == "" {
			continue
		}
		line, err := k.secretLine(file, f.what)
		if err != nil {
			return req, err
		}
		v := string(line)
		*f.to = &v
	}
	return req, nil
}

func (k *controller) channelsDelete() *cli.Command {
	return &cli.Command{
		Name: "delete", ArgsUsage: "CHANNEL", Usage: "delete a channel that no rule names, with what waits for it",
		Flags: append([]cli.Flag{cmdline.YesFlag()}, askFlags()...),
		Action: func(c *cli.Context) error {
			args, asJSON, err := cmdline.Given(c, "CHANNEL")
			if err != nil {
				return err
			}
			return k.ask(c, func(ctx context.Context, cl *client.Client) error {
				ch, err := findChannel(ctx, cl, args[0])
				if err != nil {
					return err
				}
				if err := cmdline.Confirm(c, k.in, k.err, "This deletes the channel "+term.Clean(ch.Name)+", and what waits for it is told to nobody.", ch.Name); err != nil {
					return err
				}
				if err := cl.DeleteChannel(ctx, ch.ID); err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(map[string]int64{"deleted": ch.ID})
				}
				return k.err.Printf("The channel %s is deleted\n", term.Clean(ch.Name))
			})
		},
	}
}
