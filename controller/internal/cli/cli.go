package cli

import (
	"context"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
	"borgfleet/shared/version"
)

// DefaultDataDir is where the packages put the controller's data.
const DefaultDataDir = "/var/lib/borgfleet"

// Hooks are what the command line starts and does not hold itself.
type Hooks struct {
	Serve func(context.Context, ServeOptions) error
}

// Run carries out args, which do not hold the program's name, and gives the
// exit status.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, hooks Hooks) int {
	k := &controller{in: stdin, out: term.On(stdout), err: term.On(stderr), hooks: hooks, now: time.Now, tail: usualTail}
	return k.program().Run(ctx, args, cmdline.Streams{In: stdin, Out: stdout, Err: stderr})
}

// controller is one call of the program.
type controller struct {
	in    io.Reader
	out   term.Screen
	err   term.Screen // for what is not the answer itself
	hooks Hooks
	now   func() time.Time
	tail  time.Duration // how long the rest of a log is waited for
	token string        // for --server, once it has been read
}

// repeated is a command that --watch can repeat.
func (k *controller) repeated(show func(*controller, *cli.Context) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		again := *k
		return cmdline.Watch(c, k.out, k.err, k.now, func(out, errs term.Screen) error {
			again.out, again.err = out, errs
			return show(&again, c)
		})
	}
}

func (k *controller) program() cmdline.Program {
	return cmdline.Program{
		Name:    "borgfleet-controller",
		Usage:   "runs borg backups on a fleet of hosts",
		Version: version.Full(),
		About: "serve is the controller itself. The other commands ask a running one: on its own host through the admin socket in --data-dir, as root or as the controller's account; " +
			"from elsewhere with --server URL and a token in --api-token-file or BORGFLEET_API_TOKEN.",
		Commands: []*cli.Command{
			k.serve(), k.joinToken(), k.agents(), k.apply(), k.export(), k.repositories(), k.archives(), k.schedules(), k.restore(), k.jobs(), k.fleet(), k.notifications(),
			k.users(), k.tokens(), k.audit(), k.db(), k.login(), k.logout(), k.passwd(), k.doctor(),
		},
		Values: k.values(),
	}
}

// group is a command that only holds others.
func group(name, usage string, commands ...*cli.Command) *cli.Command {
	return &cli.Command{Name: name, Usage: usage, Subcommands: commands}
}

func dataDirFlag() cli.Flag {
	return &cli.StringFlag{Name: "data-dir", Value: DefaultDataDir, Usage: "`DIR` of the controller's data"}
}
