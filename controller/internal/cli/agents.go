package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) agents() *cli.Command {
	return group("agents", "the fleet's hosts", &cli.Command{
		Name:   "list",
		Usage:  "list the hosts, and how they stand",
		Flags:  askFlags(),
		Action: k.listAgents,
	})
}

func (k *controller) listAgents(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	asJSON, err := cmdline.WantsJSON(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		agents, err := cl.Agents(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(rest.AgentList{Agents: agents})
		}
		return k.tellAgents(agents)
	})
}

func (k *controller) tellAgents(agents []rest.Agent) error {
	if len(agents) == 0 {
		return k.err.Printf("No host has enrolled yet. Make a token with borgfleet-controller join-token create.\n")
	}
	t := term.Table{Columns: []term.Column{
		{Title: "NAME", Cut: term.CutEnd}, {Title: "STATE"}, {Title: "LAST CONTACT"}, {Title: "RUNNING", Right: true}, {Title: "WAITING", Right: true},
		{Title: "BORG", Cut: term.CutEnd}, {Title: "VERSION", Cut: term.CutEnd}, {Title: "CERTIFICATE UNTIL"}, {Title: "LABELS", Cut: term.CutEnd}, {Title: "ID", Cut: term.CutEnd},
	}}
	for _, a := range agents {
		t.Add(a.Name, agentState(a), term.Ago(at(a.LastContactAt), k.now()), fmt.Sprint(a.Running), fmt.Sprint(a.Waiting),
			borgs(a.Borg), text(a.Version), term.Time(at(a.CertificateExpiresAt)), labels(a.Labels), a.ID)
	}
	return t.Print(k.out)
}

func agentState(a rest.Agent) string {
	switch {
	case a.Revoked:
		return "revoked"
	case !a.Online:
		return "offline"
	case a.Paused:
		return "paused"
	}
	return "online"
}

// borgs are the versions that can be used, or why none can.
func borgs(found []rest.Borg) string {
	var good, bad []string
	for _, b := range found {
		if b.Problem != nil {
			bad = append(bad, *b.Problem)
		} else if b.Version != nil {
			good = append(good, *b.Version)
		}
	}
	if len(good) > 0 {
		return strings.Join(good, ", ")
	}
	return strings.Join(bad, "; ")
}

func labels(m map[string]string) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		words = append(words, key+"="+m[key])
	}
	return strings.Join(words, " ")
}
