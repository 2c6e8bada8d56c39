package cli

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term/cmdline"
)

// explainOptions says of parameters that the controller refused which options they
// are, and that the command line is wrong: the status of "it failed" would tell a
// monitor that something is stale.
func explainOptions(c *cli.Context, err error) error {
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Status != http.StatusUnprocessableEntity || len(e.Errors) == 0 {
		return err
	}
	var said []string
	for _, field := range e.Errors {
		option, ok := optionOf(c, field)
		if !ok {
			return err
		}
		said = append(said, fmt.Sprintf("--%s: %s%s", option, field.Message, listHint(option)))
	}
	return cmdline.Usagef("%s", strings.Join(said, "\n"))
}

// optionOf is the option that gave a parameter. There is none if it was no option
// that gave it, but an argument or the command itself.
func optionOf(c *cli.Context, field rest.ProblemField) (string, bool) {
	parameter, ok := strings.CutPrefix(field.Location, "query.")
	option := strings.ReplaceAll(parameter, "_", "-")
	return option, ok && slices.Contains(c.FlagNames(), option)
}

// listHint says what shows the names that there are.
func listHint(option string) string {
	switch option {
	case "agent":
		return "; borgfleet-controller agents list shows what there is"
	case "repository":
		return "; borgfleet-controller repositories list shows what there is"
	}
	return ""
}
