package fleet

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/certs"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/version"
	"borgfleet/shared/wire"
)

const day = 24 * time.Hour

// refusal is the stable code of an error from the other side.
func refusal(err error) string {
	if e, ok := errors.AsType[*connect.Error](err); ok {
		return e.Meta().Get(wire.CodeHeader)
	}
	return ""
}

func wantRefusal(t *testing.T, what string, err error, code string) {
	t.Helper()
	if got := refusal(err); got != code {
		t.Errorf("%s: refused as %q (%v), want %s", what, got, err, code)
	}
}

func newCSR(t *testing.T) (crypto.Signer, []byte) {
	t.Helper()
	key, csr, err := certs.NewKeyAndCSR(rand.Reader)
	must(t, err)
	return key, csr
}

func (p *puppet) knock(stateID string) error {
	_, err := p.client.Hello(p.t.Context(), &fleetv1.HelloRequest{Protocol: version.Protocol, StateId: stateID})
	return err
}

func (p *puppet) renew() (*puppet, error) {
	p.t.Helper()
	key, csr := newCSR(p.t)
	resp, err := p.client.Renew(p.t.Context(), &fleetv1.RenewRequest{Csr: csr})
	if err != nil {
		return nil, err
	}
	cred, err := p.cred.Succeed(key, resp.Chain, resp.Root, p.rig.clock())
	must(p.t, err)
	return p.rig.puppet(cred), nil
}

// TestRenewal: the old certificate is good until the new one has been used,
// whatever becomes of the answers, and for nothing afterwards.
func TestRenewal(t *testing.T) {
	r := newRig(t)
	old := r.agent("a")
	r.repository(old, "/r")
	old.connect("s1")
	j := r.start("/r", "")
	key := old.order(j.ID).Key
	old.send(&fleetv1.JobReport{Key: key, Register: register(1, job.PhaseStarted, ""), First: 1, Records: records(1, "one")})
	old.next("first line")

	r.pass(20 * day)
	_, err := old.renew() // whose answer is lost
	must(t, err)
	renewed, err := old.renew()
	must(t, err)
	old.send(&fleetv1.JobReport{Key: key, Register: register(2, job.PhaseStarted, ""), First: 2, Records: records(2, "two")})
	if a := old.next("second line"); a.Next != 3 {
		t.Errorf("acknowledged up to %d", a.Next)
	}
	if v, _ := r.s.Agent(t.Context(), "a"); !v.CertificateExpiresAt.Equal(old.cred.Identity().NotAfter) {
		t.Errorf("unused, and shown: %s", v.CertificateExpiresAt)
	}
	must(t, old.knock("s1"))

	resp := renewed.connect("s1", &fleetv1.JobState{Key: key, Register: register(2, job.PhaseStarted, ""), Next: 3})
	if got := resp.Jobs[0].Next; got != 3 {
		t.Errorf("goes on at %d", got)
	}
	if v, _ := r.s.Agent(t.Context(), "a"); !v.CertificateExpiresAt.Equal(renewed.cred.Identity().NotAfter) || v.Problem != "" {
		t.Errorf("%+v", v)
	}
	wantRefusal(t, "the old one", old.knock("s1"), codeReplaced)
	_, err = old.renew()
	wantRefusal(t, "renewing with the old one", err, codeReplaced)
	select {
	case <-old.broke:
	case <-time.After(10 * time.Second):
		t.Error("the old one's stream stays open")
	}
	if v, _ := r.s.Agent(t.Context(), "a"); !strings.Contains(v.Problem, "older certificate") || !v.Online {
		t.Errorf("%+v", v)
	}
	renewed.send(&fleetv1.JobReport{Key: key, First: 3, Records: records(3, "three")})
	if a := renewed.next("third line"); a.Next != 4 {
		t.Errorf("acknowledged up to %d", a.Next)
	}
}

func TestRenewalForAKeyThatIsNone(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	_, err := a.client.Renew(t.Context(), &fleetv1.RenewRequest{Csr: []byte("nonsense")})
	wantRefusal(t, "nonsense", err, "csr_refused")
}

// TestExpiry ends idle streams, and the next call on the live connection.
func TestExpiry(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	a.connect("s1")
	r.pass(30*day - time.Minute)
	must(t, a.knockElsewhere())
	r.pass(2 * time.Minute)
	for name, stream := range map[string]<-chan error{"report": a.broke, "watch": a.watchBroke} {
		select {
		case err := <-stream:
			wantRefusal(t, name, err, wire.CodeCertificateExpired)
		case <-time.After(10 * time.Second):
			t.Fatalf("%s stays open", name)
		}
	}
	wantRefusal(t, "the next call", a.knock("s1"), wire.CodeCertificateExpired)
	_, err := a.renew()
	wantRefusal(t, "renewal", err, wire.CodeCertificateExpired)
	// A new connection does not even come about. The alert that says why can be
	// lost on the way, but not every time.
	for told := false; !told; {
		a.http.CloseIdleConnections()
		err := a.knock("s1")
		if err == nil {
			t.Fatal("a new connection is served")
		}
		told = strings.Contains(err.Error(), "tls: expired certificate")
	}
}

// knockElsewhere asks for something that opens no epoch.
func (p *puppet) knockElsewhere() error {
	_, err := p.renew()
	return err
}

// lost is an agent whose certificate is of no use for a connection, on one.
type lost struct {
	client fleetv1connect.FleetServiceClient
	export certs.Exporter
}

func (r *rig) lost(cred *certs.Credential) lost {
	r.t.Helper()
	tr := r.transport(func() *http.Transport { return &http.Transport{TLSClientConfig: cred.RecoverTLS(r.clock)} })
	var state tls.ConnectionState
	ctx := httptrace.WithClientTrace(r.t.Context(), &httptrace.ClientTrace{
		TLSHandshakeDone: func(s tls.ConnectionState, _ error) { state = s },
	})
	conn, err := tr.NewClientConn(ctx, "https", strings.TrimPrefix(r.url, "https://"))
	must(r.t, err)
	r.t.Cleanup(func() { conn.Close() })
	return lost{client: fleetv1connect.NewFleetServiceClient(&http.Client{Transport: conn}, r.url), export: state.ExportKeyingMaterial}
}

func (r *rig) recover(cred *certs.Credential) (*puppet, error) {
	r.t.Helper()
	key, csr := newCSR(r.t)
	l := r.lost(cred)
	proof, err := cred.NewRecoverProof(l.export, csr)
	must(r.t, err)
	resp, err := l.client.Recover(r.t.Context(), &fleetv1.RecoverRequest{Chain: cred.Chain(), Csr: csr, Proof: proof})
	if err != nil {
		return nil, err
	}
	next, err := cred.Succeed(key, resp.Chain, resp.Root, r.clock())
	must(r.t, err)
	return r.puppet(next), nil
}

// TestRecovery works for 60 days after the end, and before: clocks differ.
func TestRecovery(t *testing.T) {
	for _, after := range []time.Duration{-10 * day, day, 31 * day, 59 * day} {
		r := newRig(t)
		old := r.agent("a")
		r.pass(30*day + after)
		_, err := r.recover(old.cred) // whose answer is lost
		must(t, err)
		again, err := r.recover(old.cred)
		if err != nil {
			t.Errorf("%s after its end: %v", after, err)
			continue
		}
		must(t, again.knock("s1"))
		_, err = r.recover(old.cred)
		wantRefusal(t, "the old one again", err, codeReplaced)
	}
	r := newRig(t)
	old := r.agent("a")
	r.pass(30*day + 61*day)
	_, err := r.recover(old.cred)
	wantRefusal(t, "too late", err, "recover_too_late")
	wantCode(t, "too late", err, connect.CodeUnauthenticated)
	for _, w := range []string{"60 days", "join-token create", "borgfleet-agent enroll"} {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("too late: the error lacks %q: %v", w, err)
		}
	}
}

// TestRecoveryIsBound to connection, request and key.
func TestRecoveryIsBound(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	r.pass(31 * day)
	_, csr := newCSR(t)
	_, other := newCSR(t)
	here, there := r.lost(a.cred), r.lost(a.cred)
	proof, err := a.cred.NewRecoverProof(here.export, csr)
	must(t, err)
	byB, err := b.cred.NewRecoverProof(here.export, csr)
	must(t, err)
	for name, try := range map[string]struct {
		on  lost
		req *fleetv1.RecoverRequest
	}{
		"another connection": {there, &fleetv1.RecoverRequest{Chain: a.cred.Chain(), Csr: csr, Proof: proof}},
		"another request":    {here, &fleetv1.RecoverRequest{Chain: a.cred.Chain(), Csr: other, Proof: proof}},
		"another key":        {here, &fleetv1.RecoverRequest{Chain: a.cred.Chain(), Csr: csr, Proof: byB}},
		"another agent":      {here, &fleetv1.RecoverRequest{Chain: b.cred.Chain(), Csr: csr, Proof: proof}},
	} {
		_, err := try.on.client.Recover(t.Context(), try.req)
		wantRefusal(t, name, err, "recover_refused")
	}
	_, err = here.client.Recover(t.Context(), &fleetv1.RecoverRequest{Chain: a.cred.Chain(), Csr: csr, Proof: proof})
	must(t, err)
}

// TestStrangersStaySmall: little body, few calls, at Recover as at Enroll.
func TestStrangersStaySmall(t *testing.T) {
	r := newRig(t)
	c := r.stranger()
	_, err := c.Recover(t.Context(), &fleetv1.RecoverRequest{Csr: make([]byte, strangerBody+1)})
	if err == nil || refusal(err) == "recover_refused" {
		t.Errorf("a large body was read: %v", err)
	}
	for range strangerBurst {
		_, err = c.Recover(t.Context(), &fleetv1.RecoverRequest{})
	}
	wantRefusal(t, "recover", err, "too_often")
	_, err = c.Enroll(t.Context(), &fleetv1.EnrollRequest{Token: "x"})
	wantRefusal(t, "enroll has a gate of its own", err, "join_token_malformed")
	r.pass(time.Minute)
	_, err = c.Recover(t.Context(), &fleetv1.RecoverRequest{})
	wantRefusal(t, "a minute later", err, "recover_refused")
}

// TestTheShutOutGetNoCertificate, by neither way.
func TestTheShutOutGetNoCertificate(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	_, err := r.s.RevokeAgent(t.Context(), "a", "admin")
	must(t, err)
	must(t, r.s.DeleteAgent(t.Context(), "b", "admin"))
	for p, code := range map[*puppet]string{a: "agent_revoked", b: "agent_unknown"} {
		_, err = p.renew()
		wantRefusal(t, "renewal", err, code)
		_, err = r.recover(p.cred)
		wantRefusal(t, "recovery in time", err, code)
	}
	r.pass(31 * day)
	for p, code := range map[*puppet]string{a: "agent_revoked", b: "agent_unknown"} {
		_, err = r.recover(p.cred)
		wantRefusal(t, "recovery", err, code)
	}
}
