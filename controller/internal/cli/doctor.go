package cli

import (
	"context"
	"errors"
	"net/http"
	"os"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/controller/internal/doctor"
	"borgfleet/shared/checkup"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) doctor() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "look at the controller and its fleet, and say what to do",
		Description: "On the controller's own host it looks at the data directory, the authority, the listeners, and asks the running controller for hosts, repositories, jobs and channels that somebody should look at; without a running controller, at what is on disk. " +
			"With --server it sees what REST tells. It changes nothing.\n\n" +
			"The exit status is 0 if everything works, warnings or not, and 1 if something does not.",
		Flags:  askFlags(),
		Action: k.runDoctor,
	}
}

func (k *controller) runDoctor(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		o := doctor.Options{Controller: cl, UID: os.Geteuid(), Now: k.now, Password: passwordOfAdmin(c.String("data-dir"))}
		if server := c.String("server"); server != "" {
			o.Server = server
			o.Away = func(err error) error { return explainServer(server, err) }
		} else {
			o.DataDir = c.String("data-dir")
			o.Away = func(err error) error { return explainSocket(o.DataDir, AdminSocket(o.DataDir), err) }
		}
		failed, err := checkup.Show(ctx, doctor.Checks(ctx, o), k.out, asJSON)
		if err == nil && failed {
			return cmdline.Silently(cmdline.ExitFailed)
		}
		return err
	})
}

// passwordOfAdmin tries a password of the first user's, with a client of its
// own: the login is thrown away.
func passwordOfAdmin(dataDir string) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, password string) (bool, error) {
		cl := client.NewUnix(AdminSocket(dataDir))
		defer cl.Close()
		_, err := cl.Login(ctx, "admin", password)
		if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusUnauthorized {
			return false, nil
		}
		return err == nil, err
	}
}
