package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/term/cmdline"
)

// drainLook is how often the agent is asked how far it has come.
const drainLook = 200 * time.Millisecond

func (a *agent) drain() *cli.Command {
	return &cli.Command{
		Name:  "drain",
		Usage: "take no new jobs, and wait until those that run have ended",
		Description: "For a host that is about to be shut down. The command returns when nothing runs any more and the controller has every result; while the controller is away it does not wait for that, and says which results are on this host only. " +
			"The host goes on taking no jobs, also if the command is interrupted, until the agent is started again or drain --end is called. What is ordered meanwhile waits.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "timeout", Usage: "give up waiting after this `TIME`, with exit status 1; the jobs go on (default: wait as long as it takes)"},
			&cli.BoolFlag{Name: "end", Usage: "take new jobs again"},
			stateDirFlag(),
		},
		Action: a.runDrain,
	}
}

func (a *agent) runDrain(c *cli.Context) error {
	if _, err := cmdline.Args(c); err != nil {
		return err
	}
	ctx := c.Context
	if text := c.String("timeout"); text != "" {
		limit, err := cmdline.Span(text)
		if err != nil {
			return cmdline.Usagef("--timeout: %w", err)
		}
		if c.Bool("end") {
			return cmdline.Usagef("--end waits for nothing: leave --timeout out")
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return a.ask(c, func(client *local.Client) error {
		if c.Bool("end") {
			if _, err := client.Drain(c.Context, false); err != nil {
				return err
			}
			return a.out.Printf("This host takes jobs again.\n")
		}
		return a.awaitDrained(ctx, client)
	})
}

// awaitDrained asks until nothing runs; each state is told once.
func (a *agent) awaitDrained(ctx context.Context, client *local.Client) error {
	told, last := "", local.Drain{}
	for {
		d, err := client.Drain(ctx, true)
		switch {
		case ctx.Err() != nil:
			return notDrained(ctx, last)
		case err != nil:
			return err
		case len(d.Running) == 0 && (len(d.Unreported) == 0 || !d.Connected):
			return a.tellDrained(d)
		}
		last = d
		if text := stillDraining(d); text != told {
			told = text
			if err := a.out.Printf("%s\n", text); err != nil {
				return err
			}
		}
		t := time.NewTimer(drainLook)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

func stillDraining(d local.Drain) string {
	if len(d.Running) > 0 {
		return "No new jobs are taken. Waiting for " + namesOf(d.Running)
	}
	return "Nothing runs any more. Waiting until the controller has all of " + namesOf(d.Unreported)
}

func (a *agent) tellDrained(d local.Drain) error {
	if len(d.Unreported) > 0 {
		return a.out.Printf("Drained: nothing runs, and no new jobs are taken. The controller is away; it has not all of %s yet. That is safe on this host, and is sent once the agent runs and the controller answers.\n", namesOf(d.Unreported))
	}
	return a.out.Printf("Drained: nothing runs, no new jobs are taken, and the controller has every result.\n")
}

func notDrained(ctx context.Context, d local.Drain) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	left := namesOf(append(d.Running, d.Unreported...))
	if left == "" {
		left = "the agent's answer"
	}
	return fmt.Errorf("not drained in time: still waiting for %s; no new jobs are taken until borgfleet-agent drain --end", left)
}

func namesOf(jobs []local.Job) string {
	names := make([]string, 0, len(jobs))
	for _, j := range jobs {
		name := "job " + ref(j)
		if j.Kind != "" {
			name += " (" + j.Kind + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
