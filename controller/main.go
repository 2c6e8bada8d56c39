// Command borgfleet-controller runs borg backups on a fleet of hosts.
package main

import (
	"context"
	"io"
	"os"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/cli"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/server"
	"borgfleet/shared/interrupt"
	"borgfleet/shared/logging"
	"borgfleet/shared/term"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := interrupt.Context(ctx)
	defer stop()
	return cli.Run(ctx, args, stdin, stdout, stderr, cli.Hooks{Serve: serve(stdout, stderr)})
}

func serve(stdout, stderr io.Writer) func(context.Context, cli.ServeOptions) error {
	return func(ctx context.Context, o cli.ServeOptions) error {
		log, err := logging.New(stderr, o.LogLevel)
		if err != nil {
			return err
		}
		settings := fleet.DefaultSettings()
		settings.StartDeadline, settings.ContactLost, settings.LostAfter = o.StartDeadline, o.ContactLost, o.LostAfter
		return server.Serve(ctx, server.Options{
			DataDir: o.DataDir, APIListen: o.APIListen, AgentListen: o.AgentListen, AgentURL: o.AgentURL,
			APICert: o.APICert, APIKey: o.APIKey, Proxies: o.Proxies, LogPolicy: api.LogPolicy(o.LogPolicy), Settings: settings, PingURL: o.PingURL, Keep: o.Keep,
			AdminPassword: os.Getenv("BORGFLEET_ADMIN_PASSWORD"), Logger: log,
			ShowRecoveryKey: showKey(stdout),
			Started:         func(at server.Addresses) { announce(stdout, o, at) },
		})
	}
}

// showKey shows the private half of a new recovery key on a terminal. Where out
// is none it would be kept, in a log or a journal: nil, and it goes into a file.
func showKey(out io.Writer) func(string) error {
	screen := term.On(out)
	if !screen.Terminal {
		return nil
	}
	return func(private string) error {
		return screen.Printf("This is the private half of the fleet's recovery key. It is shown once, and kept nowhere here.\n"+
			"With it alone every backup can be opened when its host is gone: keep it off this machine, on paper too.\n\n%s\n", private)
	}
}
