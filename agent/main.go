// Command borgfleet-agent runs a host's borg for its fleet's controller.
package main

import (
	"context"
	"io"
	"os"

	"borgfleet/agent/internal/cli"
	"borgfleet/agent/internal/jobproc"
	"borgfleet/agent/internal/service"
	"borgfleet/shared/interrupt"
	"borgfleet/shared/logging"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// The job process is on the way of every backup's start: it does not wait
	// for a command line to be built, and has its own way with signals.
	if len(args) > 0 && args[0] == jobproc.Verb {
		return jobproc.Main(args[1:], stderr)
	}
	ctx, stop := interrupt.Context(ctx)
	defer stop()
	return cli.Run(ctx, args, stdin, stdout, stderr, cli.Hooks{RunDaemon: daemon(stderr)})
}

func daemon(stderr io.Writer) func(context.Context, cli.RunOptions) error {
	return func(ctx context.Context, o cli.RunOptions) error {
		log, err := logging.New(stderr, o.LogLevel)
		if err != nil {
			return err
		}
		return service.Run(ctx, service.Options{StateDir: o.StateDir, ConfigFile: o.ConfigFile, Logger: log, Drain: o.Drain})
	}
}
