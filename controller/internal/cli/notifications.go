package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) notifications() *cli.Command {
	return group("notifications", "who is told what happens, and how",
		&cli.Command{Name: "status", Usage: "show how the channels stand, and what was told and lasts", Flags: listFlags(), Action: k.repeated((*controller).notificationStatus)},
		group("channels", "the ways by which people are told",
			&cli.Command{Name: "list", Usage: "list the channels", Flags: listFlags(), Action: k.repeated((*controller).listChannels)},
			k.channelsCreate(), k.channelsChange(), k.channelsDelete()),
		group("rules", "which events go to which channels",
			&cli.Command{Name: "list", Usage: "list the rules", Flags: listFlags(), Action: k.repeated((*controller).listRules)},
			k.rulesCreate(), k.rulesChange(), k.rulesDelete()),
		&cli.Command{Name: "test", ArgsUsage: "CHANNEL", Usage: "send a real message by a channel, and show what its receiver says", Flags: askFlags(), Action: k.testChannel},
	)
}

// notificationState is all of it for programs.
type notificationState struct {
	Channels   []rest.Channel   `json:"channels"`
	Conditions []rest.Condition `json:"conditions"`
}

func (k *controller) notificationStatus(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		var st notificationState
		var err error
		if st.Channels, err = cl.Channels(ctx); err != nil {
			return err
		}
		if st.Conditions, err = cl.Conditions(ctx); err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(st)
		}
		if err := k.printChannels(st.Channels); err != nil || len(st.Conditions) == 0 {
			return err
		}
		if err := k.out.Printf("\nTold, and still so:\n"); err != nil {
			return err
		}
		t := term.Table{Columns: []term.Column{{Title: "SINCE"}, {Title: "EVENT"}, {Title: "WHAT", Cut: term.CutEnd}}}
		for _, c := range st.Conditions {
			t.Add(moment(c.Since), c.Event, c.Message)
		}
		return t.Print(k.out)
	})
}

func (k *controller) listChannels(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		all, err := cl.Channels(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(rest.ChannelList{Channels: all})
		}
		return k.printChannels(all)
	})
}

func (k *controller) printChannels(all []rest.Channel) error {
	if len(all) == 0 {
		return k.err.Printf("There is no channel yet: nobody is told anything. Make one with borgfleet-controller notifications channels create.\n")
	}
	t := term.Table{Columns: []term.Column{
		{Title: "ID", Right: true}, {Title: "NAME", Cut: term.CutEnd}, {Title: "TYPE"}, {Title: "TARGET", Cut: term.CutEnd, Drop: 2},
		{Title: "WAITING", Right: true}, {Title: "LAST SUCCESS", Drop: 1}, {Title: "ABOUT", Cut: term.CutEnd},
	}}
	for _, c := range all {
		t.Add(fmt.Sprint(c.ID), c.Name, c.Type, c.Target, fmt.Sprint(c.Delivery.Waiting), moment(c.Delivery.LastSuccess), aboutChannel(c.Delivery))
	}
	return t.Print(k.out)
}

func aboutChannel(d rest.Delivery) string {
	var about []string
	if d.FailingSince != nil {
		about = append(about, "fails since "+moment(d.FailingSince)+": "+text(d.LastError))
	}
	if d.LeftOut > 0 {
		about = append(about, fmt.Sprintf("%d left out so far", d.LeftOut))
	}
	return strings.Join(about, "; ")
}

func (k *controller) testChannel(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "CHANNEL")
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		ch, err := findChannel(ctx, cl, args[0])
		if err != nil {
			return err
		}
		done, err := cl.TestChannel(ctx, ch.ID)
		if err != nil {
			return err
		}
		if asJSON {
			err = k.out.JSON(done)
		} else if done.Delivered {
			err = k.out.Printf("Delivered. The receiver says: %s\n", term.Clean(done.Answer))
		}
		if err != nil || done.Delivered {
			return err
		}
		return errors.New("not delivered: " + term.Clean(done.Answer))
	})
}

// findChannel takes a name or an id.
func findChannel(ctx context.Context, cl *client.Client, ref string) (rest.Channel, error) {
	all, err := cl.Channels(ctx)
	if err != nil {
		return rest.Channel{}, err
	}
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
		if c.Name == ref || strconv.FormatInt(c.ID, 10) == ref {
			return c, nil
		}
	}
	return rest.Channel{}, noSuch("no channel has the name or id", ref, "notifications channels list", names)
}

func channelNames(ctx context.Context, cl *client.Client) ([]string, error) {
	all, err := cl.Channels(ctx)
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.Name
	}
	return names, err
}

func ruleNames(ctx context.Context, cl *client.Client) ([]string, error) {
	all, err := cl.Rules(ctx)
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.Name
	}
	return names, err
}
