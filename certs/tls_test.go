package certs

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// handshake joins the two sides and gives what each has to say. A TLS 1.3
// client is done before the server has seen its certificate, so the client also
// reads: the server's refusal arrives there.
func handshake(t *testing.T, server, client *tls.Config) (state tls.ConnectionState, serverErr, clientErr error) {
	t.Helper()
	left, right := net.Pipe()
	s, c := tls.Server(left, server), tls.Client(right, client)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if serverErr = s.Handshake(); serverErr == nil {
			_, serverErr = s.Write([]byte{1})
		}
		left.Close()
	}()
	if clientErr = c.Handshake(); clientErr == nil {
		_, clientErr = io.ReadFull(c, make([]byte, 1))
	}
	right.Close()
	<-done
	return s.ConnectionState(), serverErr, clientErr
}

func serverTLS(t *testing.T, a *Authority, now time.Time) *tls.Config {
	t.Helper()
	c, err := a.ServerTLS(at(now))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestHandshake(t *testing.T) {
	a, _ := newTestAuthority(t)
	agent := enrolTest(t, a, "web-1")
	state, serverErr, clientErr := handshake(t, serverTLS(t, a, start), agent.ClientTLS(at(start)))
	if serverErr != nil || clientErr != nil {
		t.Fatalf("server: %v; client: %v", serverErr, clientErr)
	}
	if state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != "h2" {
		t.Errorf("TLS %x, %q", state.Version, state.NegotiatedProtocol)
	}
	id, err := IdentityFromState(state, a.FleetID(), start)
	if err != nil || id != agent.Identity() || id.AgentID != "web-1" {
		t.Errorf("identity %+v, %v", id, err)
	}
	if !id.IssuedAt().Equal(start) {
		t.Errorf("issued at %s, want %s", id.IssuedAt(), start)
	}
}

func TestHandshakeToEnrol(t *testing.T) {
	a, _ := newTestAuthority(t)
	state, serverErr, clientErr := handshake(t, serverTLS(t, a, start), EnrollTLS(a.RootFingerprint(), at(start)))
	if serverErr != nil || clientErr != nil {
		t.Fatalf("server: %v; client: %v", serverErr, clientErr)
	}
	if _, err := IdentityFromState(state, a.FleetID(), start); !errors.Is(err, ErrNoCertificate) {
		t.Errorf("identity of nobody: %v", err)
	}
	other, _ := newTestAuthority(t)
	_, _, clientErr = handshake(t, serverTLS(t, other, start), EnrollTLS(a.RootFingerprint(), at(start)))
	if clientErr == nil || !strings.Contains(clientErr.Error(), "join token") {
		t.Errorf("enrolled with another fleet's controller: %v", clientErr)
	}
}

// A man in the middle can present the real root beside a leaf of his own: the
// fingerprint alone proves nothing.
func TestEnrolRefusesTheRootWithAForeignLeaf(t *testing.T) {
	a, _ := newTestAuthority(t)
	evil, _ := newTestAuthority(t)
	cert, err := evil.controllerCertificate(start)
	if err != nil {
		t.Fatal(err)
	}
	cert.Certificate = append(cert.Certificate, a.root.Raw)
	server := serverTLS(t, evil, start)
	server.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }
	if _, _, err := handshake(t, server, EnrollTLS(a.RootFingerprint(), at(start))); err == nil {
		t.Error("accepted")
	}
}

// The pinned certificate must be an authority, or else any leaf could be its
// own root.
func TestEnrolRefusesALeafAsRoot(t *testing.T) {
	a, _ := newTestAuthority(t)
	cert, err := a.controllerCertificate(start)
	if err != nil {
		t.Fatal(err)
	}
	server := serverTLS(t, a, start)
	server.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }
	if _, _, err := handshake(t, server, EnrollTLS(Fingerprint(cert.Certificate[0]), at(start))); err == nil {
		t.Error("accepted")
	}
}

func TestAgentRefusesServers(t *testing.T) {
	a, _ := newTestAuthority(t)
	other, _ := newTestAuthority(t)
	agent := enrolTest(t, a, "web-1")

	// leaf has a's own issuing authority sign something that is not quite the
	// controller's certificate.
	leaf := func(change func(*x509.Certificate)) *tls.Certificate {
		key, err := newKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tmpl := &x509.Certificate{
			NotBefore:   start.Add(-time.Hour),
			NotAfter:    start.Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			URIs:        []*url.URL{controllerURI(a.FleetID())},
		}
		change(tmpl)
		c, err := a.sign(tmpl, key.Public(), start)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Certificate{Certificate: [][]byte{c.Raw, a.issuing.Raw, a.root.Raw}, PrivateKey: key, Leaf: c}
	}
	foreign, err := other.controllerCertificate(start)
	if err != nil {
		t.Fatal(err)
	}
	withoutIssuing := leaf(func(*x509.Certificate) {})
	withoutIssuing.Certificate = withoutIssuing.Certificate[:1]

	for _, tt := range []struct {
		name string
		cert *tls.Certificate
		want string // part of the agent's error; empty: accepted
	}{
		{"the controller", leaf(func(*x509.Certificate) {}), ""},
		{"another fleet's controller", foreign, "another fleet"},
		{"an agent", agent.tlsCertificate(), "key usage"},
		{"an agent's name with a server's usage", leaf(func(c *x509.Certificate) { c.URIs[0] = agentURI(a.FleetID(), "web-2") }), "not the controller"},
		{"expired", leaf(func(c *x509.Certificate) { c.NotAfter = start.Add(-time.Minute) }), "clock"},
		{"not yet valid", leaf(func(c *x509.Certificate) { c.NotBefore = start.Add(time.Minute) }), "clock"},
		{"another fleet's name", leaf(func(c *x509.Certificate) { c.URIs[0] = controllerURI(other.FleetID()) }), "not the controller"},
		{"no name", leaf(func(c *x509.Certificate) { c.URIs = nil }), "exactly one name"},
		{"two names", leaf(func(c *x509.Certificate) { c.URIs = append(c.URIs, agentURI(a.FleetID(), "x")) }), "exactly one name"},
		{"a DNS name too", leaf(func(c *x509.Certificate) { c.DNSNames = []string{"controller"} }), "exactly one name"},
		{"a query in the name", leaf(func(c *x509.Certificate) { c.URIs[0].RawQuery = "x" }), "plain"},
		{"chain cut", withoutIssuing, "another fleet"},
	} {
		for _, kind := range []string{"enrolled", "enrolling"} {
			t.Run(tt.name+" "+kind, func(t *testing.T) {
				client := agent.ClientTLS(at(start))
				if kind == "enrolling" {
					if tt.name == "chain cut" || tt.name == "another fleet's controller" || tt.name == "an agent" {
						return // they show no root at all, or another: see above
					}
					client = EnrollTLS(a.RootFingerprint(), at(start))
				}
				server := serverTLS(t, a, start)
				server.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return tt.cert, nil }
				_, _, err := handshake(t, server, client)
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("agent says %v, want %q", err, tt.want)
				}
			})
		}
	}
}

func TestServerRefusesClients(t *testing.T) {
	a, _ := newTestAuthority(t)
	other, _ := newTestAuthority(t)
	agent := enrolTest(t, a, "web-1")
	controller, err := a.controllerCertificate(start)
	if err != nil {
		t.Fatal(err)
	}
	show := func(c *tls.Certificate) func(*tls.Config) {
		return func(config *tls.Config) {
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return c, nil }
		}
	}
	for _, tt := range []struct {
		name   string
		now    time.Time
		client func(*tls.Config)
		want   string // part of the server's error; empty: accepted
	}{
		{"an agent", start, show(agent.tlsCertificate()), ""},
		{"nobody", start, show(&tls.Certificate{}), ""},
		{"another fleet's agent", start, show(enrolTest(t, other, "web-1").tlsCertificate()), "unknown authority"},
		{"the controller itself", start, show(controller), "key usage"},
		{"an expired agent", start.Add(AgentLife + time.Second), show(agent.tlsCertificate()), "expired"},
		{"an agent of the future", start.Add(-Backdate - time.Second), show(agent.tlsCertificate()), "expired or is not yet valid"},
		{"TLS 1.2", start, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }, "version"},
		{"HTTP/1.1", start, func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }, "HTTP/2"},
		{"no protocol", start, func(c *tls.Config) { c.NextProtos = nil }, "HTTP/2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := agent.ClientTLS(at(tt.now))
			tt.client(client)
			_, err, _ := handshake(t, serverTLS(t, a, tt.now), client)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("server says %v, want %q", err, tt.want)
			}
		})
	}
}

// net/http puts http/1.1 into the offer of a server that was not told to speak
// HTTP/2 alone.
func TestServerSpeaksOnlyHTTP2UnderNetHTTP(t *testing.T) {
	a, _ := newTestAuthority(t)
	agent := enrolTest(t, a, "web-1")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		TLSConfig: serverTLS(t, a, start),
		ErrorLog:  log.New(io.Discard, "", 0),
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }),
	}
	done := make(chan error, 1)
	go func() { done <- server.ServeTLS(l, "", "") }()
	defer func() { server.Close(); <-done }()

	get := func(h1, h2 bool) (string, error) {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(h1)
		protocols.SetHTTP2(h2)
		config := agent.ClientTLS(at(start))
		config.NextProtos = nil // net/http's to fill in
		tr := &http.Transport{TLSClientConfig: config, Protocols: protocols}
		defer tr.CloseIdleConnections()
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+l.Addr().String(), nil)
		if err != nil {
			return "", err
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	if proto, err := get(false, true); err != nil || proto != "HTTP/2.0" {
		t.Errorf("HTTP/2: %q, %v", proto, err)
	}
	if proto, err := get(true, false); err == nil {
		t.Errorf("HTTP/1.1 was answered with %q", proto)
	}
}

func TestIdentityOnALiveConnection(t *testing.T) {
	a, _ := newTestAuthority(t)
	other, _ := newTestAuthority(t)
	agent := enrolTest(t, a, "web-1")
	state, serverErr, clientErr := handshake(t, serverTLS(t, a, start), agent.ClientTLS(at(start)))
	if serverErr != nil || clientErr != nil {
		t.Fatalf("server: %v; client: %v", serverErr, clientErr)
	}
	for _, tt := range []struct {
		name string
		now  time.Time
		ok   bool
	}{
		{"first moment", start.Add(-Backdate), true},
		{"before", start.Add(-Backdate - time.Second), false},
		{"last moment", start.Add(AgentLife), true},
		{"after", start.Add(AgentLife + time.Second), false},
	} {
		if _, err := IdentityFromState(state, a.FleetID(), tt.now); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := IdentityFromState(state, other.FleetID(), start); err == nil {
		t.Error("an agent of another fleet was identified")
	}
	unverified := state
	unverified.VerifiedChains = nil
	if id, err := IdentityFromState(unverified, a.FleetID(), start); !errors.Is(err, ErrNoCertificate) {
		t.Errorf("a certificate that was only shown was believed: %+v, %v", id, err)
	}
}

func TestIdentityNames(t *testing.T) {
	const fleet = "00112233445566778899aabbccddeeff"
	for _, tt := range []struct {
		uris []string
		want string
	}{
		{[]string{"spiffe://" + fleet + "/agent/web-1"}, "web-1"},
		{[]string{"spiffe://" + fleet + "/controller"}, ""},
		{[]string{"spiffe://" + fleet}, ""},
		{[]string{"spiffe://" + fleet + "/agent/"}, ""},
		{[]string{"spiffe://" + fleet + "/agent/web-1/"}, ""},
		{[]string{"spiffe://" + fleet + "/agent/a/b"}, ""},
		{[]string{"spiffe://" + fleet + "/agent/web%2D1"}, ""},
		{[]string{"spiffe://" + fleet + "//agent/web-1"}, ""},
		{[]string{"spiffe://" + fleet + "/x/../agent/web-1"}, ""},
		{[]string{"spiffe://" + fleet + ":443/agent/web-1"}, ""},
		{[]string{"spiffe://u@" + fleet + "/agent/web-1"}, ""},
		{[]string{"spiffe://" + fleet + "/agent/web-1?x"}, ""},
		{[]string{"spiffe://" + fleet + "/agent/web-1?"}, ""},
		{[]string{"spiffe://" + fleet + "/agent/web-1#x"}, ""},
		{[]string{"https://" + fleet + "/agent/web-1"}, ""},
		{[]string{"spiffe:///agent/web-1"}, ""},
		{[]string{"spiffe:agent/web-1"}, ""},
		{[]string{"spiffe://" + strings.ToUpper(fleet) + "/agent/web-1"}, ""},
		{[]string{"spiffe://" + fleet + "/agent/web-1", "spiffe://" + fleet + "/agent/web-2"}, ""},
		{nil, ""},
	} {
		leaf := &x509.Certificate{NotBefore: start, NotAfter: start, SerialNumber: newSerial(t)}
		for _, s := range tt.uris {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			leaf.URIs = append(leaf.URIs, u)
		}
		id, err := IdentityFromState(tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}, fleet, start)
		if id.AgentID != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%v: agent %q, %v; want %q", tt.uris, id.AgentID, err, tt.want)
		}
	}
}

func TestControllerCertificateIsRenewedInMemory(t *testing.T) {
	a, _ := newTestAuthority(t)
	now := start
	config, err := a.ServerTLS(func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	get := func() *tls.Certificate {
		c, err := config.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		if now.After(c.Leaf.NotAfter) {
			t.Fatalf("at %s a certificate is served that ended at %s", now, c.Leaf.NotAfter)
		}
		return c
	}
	first := get()
	if got := first.Leaf.NotAfter.Sub(start); got != ControllerLife {
		t.Errorf("lasts %s", got)
	}
	if len(first.Certificate) != 3 || !slices.Equal(first.Certificate[2], a.Root()) {
		t.Error("the root is not served, and agents that enrol need it")
	}
	now = start.Add(ControllerLife*2/3 - time.Second)
	if get() != first {
		t.Error("renewed too early")
	}
	now = start.Add(ControllerLife * 2 / 3)
	second := get()
	if second == first || get() != second {
		t.Error("not renewed once after two thirds of its time")
	}
	now = a.issuing.NotAfter.Add(time.Second)
	if _, err := config.GetCertificate(nil); err == nil {
		t.Error("served after the authority's end")
	}
	if _, err := a.ServerTLS(at(now)); err == nil {
		t.Error("a listener starts with an authority that has ended")
	}
}
