package cli

import (
	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) logs() *cli.Command {
	return &cli.Command{
		Name: "logs", ArgsUsage: "JOB",
		Usage:       "show the log of a job",
		Description: "JOB is the number, or at least four characters of the beginning or end of the key.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on until the job has ended"},
			&cli.Uint64Flag{Name: "from", Usage: "begin with line `N`"},
			stateDirFlag(), cmdline.OutputFlag(),
		},
		Action: a.runLogs,
	}
}

func (a *agent) runLogs(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "JOB")
	if err != nil {
		return err
	}
	return a.ask(c, func(client *local.Client) error {
		_, err := client.Log(c.Context, args[0], local.LogRequest{From: c.Uint64("from"), Follow: c.Bool("follow")}, func(ev local.Event) error {
			if ev.Line == nil {
				return nil
			}
			if asJSON {
				return a.out.JSONLine(ev.Line)
			}
			return a.out.Printf("%s\n", logLine(*ev.Line))
		})
		return err
	})
}

// logLine is a line of the log for people: its weight is said when it has some.
func logLine(l local.Line) string {
	text := term.Time(l.Time) + "  "
	switch l.Level {
	case "warning", "error", "debug":
		text += l.Level + ": "
	}
	if l.Source != "" && l.Source != "borg" {
		text += l.Source + ": "
	}
	return text + term.CleanRows(l.Text)
}
