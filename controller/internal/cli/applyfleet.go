package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/plan"
	"borgfleet/shared/definitions"
	"borgfleet/shared/term/cmdline"
)

// fleetFor asks for what a file is about, and for no more: what it does not name is
// for people with another role, maybe.
func fleetFor(ctx context.Context, cl *client.Client, file definitions.File) (plan.Fleet, error) {
	f, err := fleetOf(ctx, cl)
	if err != nil {
		return f, err
	}
	if file.Notifications != nil {
		named := map[string]bool{}
		for _, c := range file.Channels() {
			named[c.Name] = true
		}
		if err := addNotifications(ctx, cl, &f, func(name string) bool { return named[name] }); err != nil {
			return f, forAdmins(err, "the file has channels, whose settings only an administrator may see and change; apply it as one, or leave notifications out of it")
		}
	}
	if len(file.Users) > 0 {
		if err := addUsers(ctx, cl, &f); err != nil {
			return f, forAdmins(err, "the file has users, whom only an administrator may see and change; apply it as one, or leave users out of it")
		}
	}
	return f, nil
}

// forAdmins says what to do about a refusal.
func forAdmins(err error, what string) error {
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusForbidden {
		return fmt.Errorf("%s: %w", what, err)
	}
	return err
}

// forLogin says what becomes of users in a file that is applied with an API token.
func forLogin(err error) error {
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == "needs_login" {
		return &cmdline.Advised{Err: err, Step: "apply the file when you have logged in as an administrator (borgfleet-controller login); a program that applies with a token gets a file without users"}
	}
	return err
}

func fleetOf(ctx context.Context, cl *client.Client) (f plan.Fleet, err error) {
	if f.Agents, err = cl.Agents(ctx); err != nil {
		return f, err
	}
	if f.Repositories, err = cl.RepositoryFields(ctx); err != nil {
		return f, err
	}
	f.Schedules, err = cl.ScheduleFields(ctx)
	return f, err
}

// addNotifications asks for channels and rules, and for the settings of the channels
// that are wanted.
func addNotifications(ctx context.Context, cl *client.Client, f *plan.Fleet, wanted func(name string) bool) (err error) {
	all, err := cl.Channels(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		one := plan.Channel{Channel: c}
		if wanted(c.Name) {
			if one.Settings, err = cl.ChannelSettings(ctx, c.ID); err != nil {
				return err
			}
		}
		f.Channels = append(f.Channels, one)
	}
	f.Rules, err = cl.Rules(ctx)
	return err
}

func addUsers(ctx context.Context, cl *client.Client, f *plan.Fleet) (err error) {
	if f.Users, err = cl.Users(ctx); err != nil {
		return err
	}
	me, err := cl.Me(ctx)
	f.Me = me.Username
	return err
}
