package cli

import (
	"errors"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/term/cmdline"
)

func (a *agent) run() *cli.Command {
	return &cli.Command{
		Name:        "run",
		Usage:       "run the agent until it is told to stop",
		Description: "It needs no open port: it dials the controller. Backups that are running go on when the agent is stopped, and the next one finds them. With --drain a stop takes no new jobs and waits for those that run; a second one ends the agent at once, and they go on.",
		Flags: []cli.Flag{
			stateDirFlag(),
			configFlag(),
			&cli.BoolFlag{Name: "drain", Usage: "when told to stop, first wait until the jobs that run have ended and the controller, if it is there, has their results"},
			&cli.StringFlag{Name: "log-level", Value: "info", Usage: "`LEVEL` of what is logged: debug, info, warn or error"},
		},
		Action: a.runDaemon,
	}
}

func (a *agent) runDaemon(c *cli.Context) error {
	if _, err := cmdline.Args(c); err != nil {
		return err
	}
	dir, err := stateDir(c)
	if err != nil {
		return err
	}
	o := RunOptions{StateDir: dir.Path(), ConfigFile: c.String("config"), LogLevel: c.String("log-level"), Drain: c.Bool("drain")}
	switch o.LogLevel {
	case "debug", "info", "warn", "error":
	default:
		return cmdline.Usagef("--log-level is debug, info, warn or error, not %q", o.LogLevel)
	}
	if _, err := identity(dir); err != nil {
		return err
	}
	// A mistake in the configuration is told here, with its line, before
	// anything starts.
	if _, _, err := loadConfig(c, dir); err != nil {
		return err
	}
	if o.ConfigFile != "" {
		if o.ConfigFile, err = filepath.Abs(o.ConfigFile); err != nil {
			return err
		}
	}
	if a.hooks.RunDaemon == nil {
		return errors.New("this program was built without the daemon")
	}
	return a.hooks.RunDaemon(c.Context, o)
}
