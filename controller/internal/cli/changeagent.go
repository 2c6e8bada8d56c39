package cli

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) agentsRename() *cli.Command {
	return &cli.Command{
		Name: "rename", ArgsUsage: "AGENT NAME", Usage: "give a host another name",
		Description: "The new name is shown everywhere, in the history too. On the host itself nothing has to be done, and its archives are named as before.",
		Flags:       askFlags(),
		Action: k.changing([]string{"AGENT", "NAME"}, func(args []string, _ rest.Agent) (rest.AgentChange, error) {
			return rest.AgentChange{Name: &args[0]}, nil
		}),
	}
}

func (k *controller) agentsPause() *cli.Command {
	return &cli.Command{
		Name: "pause", ArgsUsage: "AGENT", Usage: "start no more jobs on a host",
		Description: "What is running goes on; what is ordered meanwhile waits.",
		Flags:       askFlags(), Action: k.changing([]string{"AGENT"}, paused(true)),
	}
}

func (k *controller) agentsResume() *cli.Command {
	return &cli.Command{
		Name: "resume", ArgsUsage: "AGENT", Usage: "end a pause",
		Flags: askFlags(), Action: k.changing([]string{"AGENT"}, paused(false)),
	}
}

func paused(yes bool) change {
	return func([]string, rest.Agent) (rest.AgentChange, error) { return rest.AgentChange{Paused: &yes}, nil }
}

func (k *controller) agentsLimit() *cli.Command {
	return &cli.Command{
		Name: "limit", ArgsUsage: "AGENT NUMBER", Usage: "say how many jobs may run on a host at once",
		Description: "0 is the controller's default. The host's own limit (max_parallel in its agent.yaml) may be lower.",
		Flags:       askFlags(),
		Action: k.changing([]string{"AGENT", "NUMBER"}, func(args []string, _ rest.Agent) (rest.AgentChange, error) {
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 0 {
				return rest.AgentChange{}, cmdline.Usagef("%q is not a number of jobs", args[0])
			}
			return rest.AgentChange{MaxParallel: &n}, nil
		}),
	}
}

func (k *controller) agentsSettle() *cli.Command {
	return &cli.Command{
		Name: "settle", ArgsUsage: "AGENT", Usage: "say that a host's problem has been dealt with",
		Description: "What agents show says to look at is then forgotten, until it happens again.",
		Flags:       askFlags(),
		Action: k.changing([]string{"AGENT"}, func([]string, rest.Agent) (rest.AgentChange, error) {
			return rest.AgentChange{}, nil
		}),
	}
}

func (k *controller) agentsLabel() *cli.Command {
	return &cli.Command{
		Name: "label", ArgsUsage: "AGENT LABEL...", Usage: "set or take away labels",
		Description: "KEY=VALUE sets a label, KEY- takes it away; the others stay.\n\n  borgfleet-controller agents label web1 site=berlin rack-",
		Flags:       askFlags(), Action: k.labelAgent,
	}
}

func (k *controller) labelAgent(c *cli.Context) error {
	if c.NArg() < 2 {
		return cmdline.Usagef("name an agent and at least one label; see %s --help", c.Command.HelpName)
	}
	asJSON, err := cmdline.WantsJSON(c)
	if err != nil {
		return err
	}
	return k.changeAgent(c, c.Args().Slice(), asJSON, func(args []string, a rest.Agent) (rest.AgentChange, error) {
		labels := maps.Clone(a.Labels)
		if labels == nil {
			labels = map[string]string{}
		}
		var set []string
		for _, word := range args {
			if key, away := strings.CutSuffix(word, "-"); away && key != "" && !strings.Contains(word, "=") {
				delete(labels, key)
				continue
			}
			set = append(set, word)
		}
		given, err := cmdline.Labels(set)
		if err != nil {
			return rest.AgentChange{}, cmdline.Usagef("%w, or KEY- to take one away", err)
		}
		maps.Copy(labels, given)
		return rest.AgentChange{Labels: labels}, nil
	})
}

// change makes a change of the arguments behind AGENT, and of the agent as it
// is.
type change func(args []string, a rest.Agent) (rest.AgentChange, error)

// changing is a command that changes one agent.
func (k *controller) changing(names []string, make change) cli.ActionFunc {
	return func(c *cli.Context) error {
		args, asJSON, err := cmdline.Given(c, names...)
		if err != nil {
			return err
		}
		return k.changeAgent(c, args, asJSON, make)
	}
}

func (k *controller) changeAgent(c *cli.Context, args []string, asJSON bool, make change) error {
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		before, err := cl.Agent(ctx, args[0])
		if err != nil {
			return err
		}
		change, err := make(args[1:], before)
		if err != nil {
			return err
		}
		// By its id: the name may be what changes.
		a, err := cl.ChangeAgent(ctx, before.ID, change)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(a)
		}
		about := agentState(a) + fmt.Sprintf(", at most %d jobs at once", a.MaxParallel)
		if l := labels(a.Labels); l != "" {
			about += ", " + l
		}
		return k.out.Printf("%s: %s\n", term.Clean(a.Name), term.Clean(about))
	})
}
