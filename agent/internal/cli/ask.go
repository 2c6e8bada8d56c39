package cli

import (
	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/term/cmdline"
)

// ask calls use with a client of the running agent. A host that is not enrolled
// is told so: there is no agent to start.
func (a *agent) ask(c *cli.Context, use func(*local.Client) error) error {
	dir, err := stateDir(c)
	if err != nil {
		return err
	}
	client := local.NewClient(dir.Socket())
	defer client.Close()
	err = use(client)
	switch local.CodeOf(err) {
	case local.NotRunning:
		if _, none := identity(dir); none != nil {
			return none
		}
		return cmdline.Unavailable(err)
	case local.NotPermitted, local.Forbidden, local.Busy:
		return cmdline.Unavailable(err)
	case local.Invalid:
		return cmdline.Usagef("%w", err)
	}
	return err
}
