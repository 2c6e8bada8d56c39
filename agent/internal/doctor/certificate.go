package doctor

import (
	"context"
	"time"

	"borgfleet/certs"
	"borgfleet/shared/checkup"
	"borgfleet/shared/term"
)

// renewalOverdue is what is left of a certificate that should have been renewed:
// that is done at two thirds, and five days are time enough for it.
const renewalOverdue = certs.AgentLife/3 - 5*24*time.Hour

func (h *host) certificate(context.Context) checkup.Finding {
	if h.idErr != nil {
		return notEnrolled()
	}
	c, err := certs.LoadCredential(h.o.State.Credential())
	if err != nil {
		return checkup.Bad("chmod 600 "+term.Shell(h.o.State.Credential())+" if it is only open to others; else restore it, or enroll this host again with an empty --state-dir", "%v", err)
	}
	return h.judgeCertificate(c.Identity(), h.o.Now())
}

func (h *host) judgeCertificate(id certs.Identity, now time.Time) checkup.Finding {
	left := id.NotAfter.Sub(now)
	switch {
	case id.AgentID != h.id.AgentID:
		return checkup.Bad("restore the state directory whole, or enroll this host again with an empty --state-dir", "it is that of agent %s, and this host is agent %s", id.AgentID, h.id.AgentID)
	case now.Before(id.NotBefore):
		return checkup.Bad("timedatectl set-ntp true", "it begins on %s, and here it is %s: this host's clock is wrong", term.Time(id.NotBefore), term.Time(now))
	case left < -certs.RecoverFor:
		return checkup.Bad("enroll this host again: borgfleet-agent enroll --token-file FILE --state-dir NEW-EMPTY-DIR", "it ended on %s, which is too long ago for a new one to be given", term.Time(id.NotAfter))
	case left <= 0:
		return checkup.Bad("let the agent reach its controller, and it gets a new one by itself: "+h.command("run"), "it ended on %s", term.Time(id.NotAfter))
	case left < renewalOverdue:
		return checkup.Warning("let the agent reach its controller, and it gets a new one by itself: "+h.command("status"), "%s left, and it should have been renewed by now", term.Duration(left))
	}
	return checkup.Good("until %s; renewed by itself after %s", term.Time(id.NotAfter), term.Time(id.NotAfter.Add(-certs.AgentLife/3)))
}
