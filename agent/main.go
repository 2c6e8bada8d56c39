// Command borgfleet-agent runs a host's borg for its fleet's controller.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"borgfleet/agent/internal/cli"
	"borgfleet/agent/internal/jobproc"
	"borgfleet/agent/internal/service"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Stdin, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// The job process is on the way of every backup's start: it does not wait
	// for a command line to be built, and has its own way with signals.
	if len(args) > 1 && args[1] == jobproc.Command0 {
		return jobproc.Main(args[2:], stderr)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Run(ctx, args, stdin, stdout, stderr, cli.Hooks{RunDaemon: func(ctx context.Context, o cli.RunOptions) error {
		return service.Run(ctx, service.Options{StateDir: o.StateDir, ConfigFile: o.ConfigFile, Logger: o.Logger})
	}})
}
