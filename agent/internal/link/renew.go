package link

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"borgfleet/certs"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// Renewal is how the certificate is kept fresh: at two thirds of its life, and
// up to a twentieth of it later, so that a fleet that enrolled in one hour does
// not renew in one.
type Renewal struct {
	Check    time.Duration  // how often the clock is looked at: timers stand still while a host sleeps
	Min, Max time.Duration  // between attempts that fail
	Gap      time.Duration  // between a certificate and the next, whatever this host's clock says
	Jitter   func() float64 // between 0 and 1
}

// DefaultRenewal leaves a third of a certificate's life for attempts.
func DefaultRenewal() Renewal {
	return Renewal{Check: time.Minute, Min: time.Minute, Max: time.Hour, Gap: time.Hour, Jitter: mathrand.Float64}
}

// errStale ends a connection whose certificate has a successor, or has expired.
var errStale = errors.New("the connection's certificate is not good any more")

// CertificateExpires is when the certificate that is used now ends.
func (l *Link) CertificateExpires() time.Time { return l.cred.Load().Identity().NotAfter }

func (l *Link) hasExpired() bool { return !l.o.Now().Before(l.CertificateExpires()) }

// dueAt is when a certificate is to be renewed.
func (l *Link) dueAt(c *certs.Credential) time.Time {
	id := c.Identity()
	life := id.NotAfter.Sub(id.IssuedAt())
	return id.IssuedAt().Add(life*2/3 + time.Duration(l.o.Renewal.Jitter()*float64(life)/20))
}

// renewal lives beside the streams of a connection. It ends it when there is a
// new certificate, or none any more; until then it never gives up.
func (c *connection) renewal(ctx context.Context) error {
	l, due, pause, said := c.l, c.l.renewAt, c.l.o.Renewal.Min, ""
	tick := time.NewTicker(l.o.Renewal.Check)
	defer tick.Stop()
	for {
		if l.hasExpired() {
			return errStale // recovery is the next connection's first step
		}
		if !l.o.Now().Before(due) {
			err := l.renew(ctx, c.client)
			if err == nil {
				return errStale
			}
			if why := reason(err); ctx.Err() == nil && why != said {
				said = why
				l.log.Warn("the certificate cannot be renewed; trying again", "until", l.CertificateExpires(), "err", why)
			}
			due = l.o.Now().Add(pause/2 + mathrand.N(pause/2+1))
			pause = min(2*pause, l.o.Renewal.Max)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// renew gets a certificate for a new key, on the connection of the old one.
func (l *Link) renew(ctx context.Context, client fleetv1connect.FleetServiceClient) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	key, csr, err := certs.NewKeyAndCSR(rand.Reader)
	if err != nil {
		return err
	}
	resp, err := client.Renew(ctx, &fleetv1.RenewRequest{Csr: csr})
	if err != nil {
		return err
	}
	return l.install(key, resp.Chain, resp.Root)
}

// install keeps a new credential, and only then uses it: a crash leaves the old
// one, which is good until the new one has been used, or the new one.
func (l *Link) install(key crypto.Signer, chain [][]byte, root []byte) error {
	next, err := l.cred.Load().Succeed(key, chain, root, l.o.Now())
	if err != nil {
		return err
	}
	if err := l.o.Save(next); err != nil {
		return fmt.Errorf("keep the new certificate: %w", err)
	}
	l.cred.Store(next)
	l.renewAt = l.dueAt(next)
	if soonest := l.o.Now().Add(l.o.Renewal.Gap); l.renewAt.Before(soonest) {
		l.renewAt = soonest // this host's clock is ahead: each new one seems old
	}
	l.log.Info("new certificate", "until", next.Identity().NotAfter)
	return nil
}
