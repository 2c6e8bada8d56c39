// Command borgfleet-controller runs borg backups on a fleet of hosts.
package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/cli"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/server"
	"borgfleet/shared/interrupt"
	"borgfleet/shared/logging"
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
			APICert: o.APICert, APIKey: o.APIKey, Proxies: o.Proxies, LogPolicy: api.LogPolicy(o.LogPolicy), Settings: settings,
			AdminPassword: os.Getenv("BORGFLEET_ADMIN_PASSWORD"), Logger: log,
			Started: func(at server.Addresses) { announce(stdout, o.DataDir, at) },
		})
	}
}

// announce tells the person who started the controller where everything is and
// what to do next.
func announce(out io.Writer, dataDir string, at server.Addresses) {
	fmt.Fprintf(out, "REST API        %s\n", at.API)
	fmt.Fprintf(out, "Agent listener  %s\n", at.AgentListen)
	if at.PasswordFile != "" {
		fmt.Fprintf(out, "First start: the user admin has the password in %s\n", at.PasswordFile)
	}
	fmt.Fprintf(out, "Next: borgfleet-controller join-token create --data-dir %s   (hosts will connect to %s)\n", dataDir, at.Agents)
}
