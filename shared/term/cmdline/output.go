package cmdline

import "github.com/urfave/cli/v2"

// OutputFlag is -o.
func OutputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Value: "table", Usage: "`FORMAT`: table for people, json for programs"}
}

// WantsJSON reads -o.
func WantsJSON(c *cli.Context) (bool, error) {
	switch o := c.String("output"); o {
	case "table":
		return false, nil
	case "json":
		return true, nil
	default:
		return false, Usagef("--output is table or json, not %q", o)
	}
}

// Given reads what nearly every command has: -o, and exactly the arguments that
// names says.
func Given(c *cli.Context, names ...string) (args []string, asJSON bool, err error) {
	if args, err = Args(c, names...); err != nil {
		return nil, false, err
	}
	asJSON, err = WantsJSON(c)
	return args, asJSON, err
}

// Args gives exactly n arguments, which names says what they are.
func Args(c *cli.Context, names ...string) ([]string, error) {
	got := c.Args().Slice()
	if len(got) < len(names) {
		return nil, Usagef("%s is missing; see %s --help", names[len(got)], c.Command.HelpName)
	}
	if len(got) > len(names) {
		return nil, Usagef("%q is one argument too many; see %s --help", got[len(names)], c.Command.HelpName)
	}
	for i, a := range got {
		if a == "" {
			return nil, Usagef("%s is empty; see %s --help", names[i], c.Command.HelpName)
		}
	}
	return got, nil
}
