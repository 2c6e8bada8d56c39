package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/term/cmdline"
)

// explainOptions says of parameters that the controller refused which options they
// are, and that the command line is wrong: the status of "it failed" would tell a
// monitor that something is stale.
func explainOptions(c *cli.Context, err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Status != http.StatusUnprocessableEntity || e.Code != "" && e.Code != invalidRequest || len(e.Errors) == 0 {
		return withHelp(c, err)
	}
	var said []string
	for _, field := range e.Errors {
		typed, ok := typedFor(c, field)
		if !ok {
			return withHelp(c, err)
		}
		said = append(said, fmt.Sprintf("%s: %s%s", typed, inOptions(c, field.Message), listHint(typed)))
	}
	usage := cmdline.Usagef("%s", strings.Join(said, "\n"))
	if advice, ok := errors.AsType[*cmdline.Advised](err); ok {
		return &cmdline.Advised{Err: usage, Step: advice.Step}
	}
	return usage
}

// invalidRequest is the code of a call that is not as its contract has it.
const invalidRequest = "invalid_request"

// withHelp names the help of the command: the contract of the call, which is what
// the controller names, is not what was typed.
func withHelp(c *cli.Context, err error) error {
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != invalidRequest {
		return err
	}
	if _, advised := errors.AsType[*cmdline.Advised](err); advised {
		return err
	}
	return &cmdline.Advised{Err: err, Step: c.Command.HelpName + " --help says what it takes"}
}

// listHint says what shows the names that there are.
func listHint(typed string) string {
	switch typed {
	case "--agent":
		return "; borgfleet-controller agents list shows what there is"
	case "--repository":
		return "; borgfleet-controller repositories list shows what there is"
	case "--user":
		return "; borgfleet-controller users list shows what there is"
	}
	return ""
}
