package doctor

import (
	"fmt"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/checkup"
	"borgfleet/shared/term"
)

const (
	// renewalOverdue is what is left of a certificate that should have been
	// renewed: that is done at two thirds, and five days are time enough for it.
	renewalOverdue = certs.AgentLife/3 - 5*24*time.Hour
	// mostSkew is how far a clock may be off before somebody is told.
	mostSkew = 60 // seconds
)

// Trouble is one thing about an agent that somebody should look at.
type Trouble struct {
	ID string
	checkup.Finding
}

// Troubles are all of an agent's, the worst first. One that was shut out has
// none.
func Troubles(a rest.Agent, now time.Time) []Trouble {
	if a.Revoked {
		return nil
	}
	var all []Trouble
	for _, look := range []func(rest.Agent, time.Time) []Trouble{problem, certificate, borgs, clock, silence} {
		all = append(all, look(a, now)...)
	}
	return all
}

func problem(a rest.Agent, now time.Time) []Trouble {
	if a.Problem == nil {
		return nil
	}
	text := *a.Problem
	if a.ProblemAt != nil {
		text += " (" + term.Ago(a.ProblemAt.Time, now) + ")"
	}
	return []Trouble{{"agent_problem", checkup.Warning("once that is dealt with: borgfleet-controller agents settle "+term.Shell(a.Name), "%s", text)}}
}

func certificate(a rest.Agent, now time.Time) []Trouble {
	if a.CertificateExpiresAt == nil {
		return nil
	}
	until := a.CertificateExpiresAt.Time
	left := until.Sub(now)
	switch {
	case left <= 0:
		return []Trouble{{"agent_certificate", checkup.Bad(
			"start the agent on that host, borgfleet-agent run: up to 60 days after its end the certificate is renewed by itself; later, or if that fails, enroll the host again with a token from borgfleet-controller join-token create",
			"its certificate expired on %s", term.Time(until))}}
	case left < renewalOverdue:
		return []Trouble{{"agent_certificate", checkup.Warning(
			"see whether the agent on that host is running and connected: borgfleet-agent doctor",
			"its certificate ends in %s and should have been renewed by now", term.Duration(left))}}
	}
	return nil
}

// borgs finds hosts that cannot back up, or do it with a borg that should be
// replaced.
func borgs(a rest.Agent, _ time.Time) []Trouble {
	usable := false
	var all []Trouble
	for _, b := range a.Borg {
		switch {
		case b.Problem != nil:
			all = append(all, Trouble{"agent_borg", checkup.Bad("on that host: borgfleet-agent doctor", "its borg %s cannot be used: %s", b.Path, *b.Problem)})
		default:
			usable = true
		}
	}
	if usable {
		for i := range all {
			all[i].State = checkup.Warn
		}
	}
	if len(a.Borg) == 0 && a.LastContactAt != nil {
		all = append(all, Trouble{"agent_borg", checkup.Bad("install borgbackup there", "it has no borg")})
	}
	return all
}

func clock(a rest.Agent, _ time.Time) []Trouble {
	s := a.ClockSkewSeconds
	if s == nil || (*s <= mostSkew && *s >= -mostSkew) {
		return nil
	}
	return []Trouble{{"agent_clock", checkup.Warning("set the clock there, or here, and let NTP keep it: timedatectl set-ntp true", "its clock is %s", SkewText(*s))}}
}

// SkewText says how far a clock is off.
func SkewText(seconds int64) string {
	d := time.Duration(seconds) * time.Second
	if d < 0 {
		return fmt.Sprintf("%s behind the controller's", term.Duration(-d))
	}
	return fmt.Sprintf("%s ahead of the controller's", term.Duration(d))
}

// silent is how long an agent may be away before it is worth a word; less is a
// restart.
const silent = 2 * time.Minute

func silence(a rest.Agent, now time.Time) []Trouble {
	if a.Online {
		return nil
	}
	todo := "see on that host: borgfleet-agent status, borgfleet-agent doctor"
	switch {
	case a.LastContactAt == nil:
		return []Trouble{{"agent_offline", checkup.Warning("run on that host: borgfleet-agent run", "it has enrolled, but never connected")}}
	case now.Sub(a.LastContactAt.Time) > silent:
		return []Trouble{{"agent_offline", checkup.Warning(todo, "it was last heard of %s", term.Ago(a.LastContactAt.Time, now))}}
	}
	return nil
}
