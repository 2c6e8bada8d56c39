package cli

import (
	"context"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/state"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
	"borgfleet/shared/version"
)

// Hooks are what the command line starts and does not hold itself.
type Hooks struct {
	RunDaemon func(context.Context, RunOptions) error
}

// RunOptions is how the daemon was called.
type RunOptions struct {
	StateDir   string // absolute
	ConfigFile string // empty: agent.yaml in StateDir
	LogLevel   string // debug, info, warn or error
	Drain      bool   // a stop waits for the jobs that run
}

// Run carries out args, which do not hold the program's name, and gives the
// exit status.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, hooks Hooks) int {
	a := &agent{in: stdin, out: term.On(stdout), err: term.On(stderr), hooks: hooks, now: time.Now, hasUnit: hasUnit, stdout: stdout, stderr: stderr}
	return a.program().Run(ctx, args, cmdline.Streams{In: stdin, Out: stdout, Err: stderr})
}

// agent is one call of the program.
type agent struct {
	in    io.Reader
	out   term.Screen
	err   term.Screen // for what is not the answer itself
	hooks Hooks
	now   func() time.Time

	hasUnit func() bool // this host has the agent as a service

	stdout, stderr io.Writer // as they are, for borg
}

// repeated is a command that --watch can repeat.
func (a *agent) repeated(show func(*agent, *cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		again := *a
		return cmdline.Watch(c, a.out, a.err, a.now, func(out, errs term.Screen) error {
			again.out, again.err = out, errs
			return show(&again, c)
		})
	}
}

func (a *agent) program() cmdline.Program {
	return cmdline.Program{
		Name:    "borgfleet-agent",
		Usage:   "backs this host up with borg, as part of a fleet",
		Version: version.Full(),
		About: "First enroll this host with a join token from the controller, then run the agent. " +
			"The other commands ask the running agent, and also work while the controller is away.",
		Commands: []*cli.Command{
			a.enroll(), a.run(), a.status(), a.schedules(), a.jobs(), a.logs(), a.backup(), a.restore(), a.check(), a.prune(), a.compact(), a.breakLock(), a.cancel(), a.drain(), a.allow(), a.adopt(), a.importBorgmatic(), a.borg(), a.doctor(),
		},
		Values: a.values(),
	}
}

func stateDirFlag() cli.Flag {
	return &cli.StringFlag{Name: "state-dir", Value: state.DefaultDir, Usage: "`DIR` of the agent's state"}
}

// listFlags are those of a command that shows a list, or how something stands.
func listFlags() []cli.Flag {
	return append([]cli.Flag{stateDirFlag(), cmdline.OutputFlag()}, cmdline.WatchFlags()...)
}

func stateDir(c *cli.Context) (state.Dir, error) {
	path := c.String("state-dir")
	if path == "" {
		return state.Dir{}, cmdline.Usagef("--state-dir is empty; leave it out for %s", state.DefaultDir)
	}
	return state.At(path)
}
