package cli

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/seal"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) status() *cli.Command {
	return &cli.Command{
		Name:        "status",
		Usage:       "show how the agent stands, and what it backs up",
		Description: "The exit status is 3 if the agent is not running. Whether the controller is connected does not change it: backups go on without.",
		Flags:       listFlags(),
		Action:      a.repeated((*agent).runStatus),
	}
}

func (a *agent) runStatus(c *cli.Context) error {
	return a.askStatus(c, a.tellStatus, func(st local.Status) any { return st })
}

// askStatus shows of the agent's status what tell prints, or what json picks.
func (a *agent) askStatus(c *cli.Context, tell func(local.Status) error, json func(local.Status) any) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return a.ask(c, func(client *local.Client) error {
		st, err := client.Status(c.Context)
		if err != nil {
			return err
		}
		if asJSON {
			return a.out.JSON(json(st))
		}
		return tell(st)
	})
}

func (a *agent) tellStatus(st local.Status) error {
	now := a.now()
	var f term.Fields
	f.Add("Name", st.Name)
	f.Add("Agent id", st.AgentID)
	f.Add("Fleet", st.FleetID)
	link := "connected"
	if !st.Connected {
		link = "not connected"
		if st.DisconnectedSince != nil {
			link += " for " + term.Duration(max(0, now.Sub(*st.DisconnectedSince)))
		}
		link += ": " + st.NotConnected
	}
	f.Add("Controller", st.ControllerURL+", "+link)
	if at := st.CertificateExpires; at != nil {
		word := "until "
		if at.Before(now) {
			word = "expired on "
		}
		f.Add("Certificate", word+term.Time(*at))
	}
	for _, b := range st.Borg {
		f.Add("Borg", borgText(b))
	}
	if len(st.Borg) == 0 {
		f.Add("Borg", "none was found: install borgbackup")
	}
	jobs := fmt.Sprintf("%d running, %d waiting", st.Running, st.Waiting)
	if st.Draining {
		jobs += ", and no new ones are taken (borgfleet-agent drain --end ends that)"
	}
	if st.Unreadable > 0 {
		jobs += fmt.Sprintf(", %d cannot be read (the agent's log says why)", st.Unreadable)
	}
	f.Add("Jobs", jobs)
	f.Add("Recovery key", recoveryState(st))
	f.Add("Version", st.Version)
	f.Add("State", st.StateDir)
	if err := f.Print(a.out); err != nil {
		return err
	}
	if len(st.Repositories) == 0 {
		return a.out.Printf("\nThe controller has told this host of no repository yet.\n")
	}
	if err := a.out.Printf("\n"); err != nil {
		return err
	}
	t := term.Table{Columns: []term.Column{
		{Title: "ID", Right: true}, {Title: "REPOSITORY", Cut: term.CutEnd}, {Title: "PATH", Cut: term.CutStart}, {Title: "SOURCES", Cut: term.CutEnd, Drop: 1},
	}}
	if len(st.Schedules) > 0 {
		t.Columns = append(t.Columns, term.Column{Title: "NEXT BACKUP"})
	}
	for _, r := range st.Repositories {
		row := []string{fmt.Sprint(r.ID), r.Name, r.Path, strings.Join(r.Sources, ", "), nextBackup(st, r.Name)}
		t.Add(row[:len(t.Columns)]...)
	}
	return t.Print(a.out)
}

// recoveryState says to which recovery key this host seals, and whether the
// controller would have another.
func recoveryState(st local.Status) string {
	dir, err := state.At(st.StateDir)
	if err != nil {
		return "is not known: " + err.Error()
	}
	text := "none was accepted"
	switch st.RecoveryKey {
	case "":
	case policy.NoRecoveryKey:
		return "none is wanted"
	default:
		text = seal.Fingerprint(st.RecoveryKey)
	}
	if st.FleetRecoveryKey == "" || st.FleetRecoveryKey == st.RecoveryKey {
		return text
	}
	return text + "; the controller names another, " + seal.Fingerprint(st.FleetRecoveryKey) +
		", which does not count here. If the fleet's administrator says that it is right:\nborgfleet-agent allow --recovery-key " + st.FleetRecoveryKey + dirOption(dir)
}

func borgText(b local.Borg) string {
	text := b.Path
	if b.Version != "" {
		text = strings.TrimSpace(b.Version + "  " + text)
	}
	if b.Problem != "" {
		text = strings.TrimSpace(text + "  cannot be used: " + b.Problem)
	}
	return text
}
