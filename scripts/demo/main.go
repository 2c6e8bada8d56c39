// Command demo shows borgfleet at work on this machine: a controller, two
// agents, two real backups at once, and a comparison of what was backed up
// with what can be got back.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"borgfleet/scripts/testenv"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	bin := flags.String("bin", "bin", "directory of the two programs")
	once := flags.Bool("once", false, "end after the comparison")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx, *bin, *once, out); err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(errs, "demo: interrupted")
		} else {
			fmt.Fprintln(errs, "demo:", err)
		}
		return 1
	}
	return 0
}

func demo(ctx context.Context, bin string, once bool, out io.Writer) (err error) {
	bin, err = filepath.Abs(bin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "borgfleet-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sources, err := chooseSources(2)
	if err != nil {
		return err
	}

	step(out, "Starting a controller and enrolling two agents in %s", dir)
	// The fleet outlives ctx for a moment: a stop is orderly.
	env, err := testenv.Start(context.WithoutCancel(ctx), testenv.Fleet{
		Dir: dir, Bin: bin,
		Controller: []string{"--log-policy", "all"},
		Agents:     []testenv.Agent{{Name: "alpha"}, {Name: "beta"}},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	hosts := []*host{
		{name: "alpha", repository: "alpha-home", source: sources[0], passphrase: rand.Text()},
		{name: "beta", repository: "beta-home", source: sources[1], passphrase: rand.Text()},
	}
	fmt.Fprintf(out, "   controller %s, agents alpha and beta connected over mutual TLS\n", env.Controller.URL)

	step(out, "Registering an encrypted borg repository for each agent")
	for _, h := range hosts {
		if err := h.register(env); err != nil {
			return err
		}
		fmt.Fprintf(out, "   %-5s backs up %s (%s) into %s\n", h.name, h.source.path, size(h.source.bytes), h.path(env))
	}

	step(out, "Backing up both at once")
	if err := backup(ctx, env, hosts, out); err != nil {
		return err
	}

	step(out, "Extracting both archives with borg and comparing them with the sources")
	for _, h := range hosts {
		if err := h.compare(ctx, env, out); err != nil {
			return err
		}
	}

	step(out, "The history, as the controller's command line shows it")
	table, err := env.Controller.CLI("jobs", "list")
	if err != nil {
		return err
	}
	fmt.Fprint(out, indent(table))
	if once {
		fmt.Fprintf(out, "\nBoth backups completed and compare equal.\n")
		return nil
	}
	goOn(out, env, hosts[0])
	<-ctx.Done()
	fmt.Fprintln(out, "\nStopping; everything of the demo is removed.")
	return nil
}

func step(out io.Writer, format string, args ...any) {
	fmt.Fprintf(out, "\n-> "+format+"\n", args...)
}

// goOn prints commands that work as they are, in another terminal.
func goOn(out io.Writer, env *testenv.Env, h *host) {
	step(out, "It stays up. In another terminal:")
	fmt.Fprintf(out, `
   API=%s
   TOKEN=$(curl -s $API/api/auth/login -d username=admin --data-urlencode password@<(tr -d '\n' < %s) | sed 's/.*"access_token":"\([^"]*\)".*/\1/')

   # start a backup
   curl -s -X POST $API/api/backup/start -H "Authorization: Bearer $TOKEN" \
        -H "Content-Type: application/json" -d '{"repository": "%s"}'
   # the history
   curl -s "$API/api/backup/jobs?limit=5" -H "Authorization: Bearer $TOKEN"
   # one job, its log, and how to end it while it runs
   curl -s $API/api/backup/status/%d -H "Authorization: Bearer $TOKEN"
   curl -s "$API/api/backup/logs/%d/stream?offset=0" -H "Authorization: Bearer $TOKEN"
   curl -s -X POST $API/api/backup/cancel/%d -H "Authorization: Bearer $TOKEN"

   # the same from the command lines
   %s/borgfleet-controller jobs list --data-dir %s
   %s/borgfleet-agent status --state-dir %s

Ctrl-C ends it and removes everything.
`, env.Controller.URL, env.Controller.PasswordFile(), h.path(env), h.job, h.job, h.job,
		env.Bin, env.Controller.DataDir, env.Bin, env.Hosts[h.name].StateDir)
}
