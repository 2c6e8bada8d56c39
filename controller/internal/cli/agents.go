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
	"borgfleet/controller/internal/doctor"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) agents() *cli.Command {
	return group("agents", "the fleet's hosts", &cli.Command{
		Name:   "list",
		Usage:  "list the hosts, and how they stand",
		Flags:  listFlags(),
		Action: k.repeated((*controller).listAgents),
	}, k.agentsShow(), k.agentsRename(), k.agentsLabel(), k.agentsPause(), k.agentsResume(), k.agentsLimit(), k.agentsSettle(), k.agentsRevoke(), k.agentsRemove())
}

func (k *controller) listAgents(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
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
		{Title: "NAME", Cut: term.CutEnd}, {Title: "STATE"}, {Title: "LAST CONTACT", Drop: 2}, {Title: "RUNNING", Right: true, Drop: 3}, {Title: "WAITING", Right: true, Drop: 4},
		{Title: "BORG", Cut: term.CutEnd, Drop: 6}, {Title: "VERSION", Cut: term.CutEnd, Drop: 8}, {Title: "CERTIFICATE UNTIL", Drop: 5}, {Title: "LABELS", Cut: term.CutEnd, Drop: 7},
		{Title: "ID", Cut: term.CutEnd, Drop: 9}, {Title: "ABOUT", Cut: term.CutEnd, Drop: 1},
	}}
	for _, a := range agents {
		t.Add(a.Name, agentState(a), term.Ago(at(a.LastContactAt), k.now()), fmt.Sprint(a.Running), fmt.Sprint(a.Waiting),
			borgs(a.Borg), text(a.Version), term.Time(at(a.CertificateExpiresAt)), labels(a.Labels), a.ID, k.aboutAgent(a))
	}
	return t.Print(k.out)
}

// aboutAgent is what a person should look at.
func (k *controller) aboutAgent(a rest.Agent) string {
	var about []string
	for _, trouble := range doctor.Troubles(a, k.now()) {
		about = append(about, trouble.Message)
	}
	return strings.Join(about, "; ")
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

// borgs are the versions that can be used.
func borgs(found []rest.Borg) string {
	var good []string
	for _, b := range found {
		if b.Problem == nil && b.Version != nil {
			good = append(good, *b.Version)
		}
	}
	return strings.Join(good, ", ")
}

func labels(m map[string]string) string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		words = append(words, key+"="+m[key])
	}
	return strings.Join(words, " ")
}
