package e2e

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"path/filepath"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/certs"
	"borgfleet/scripts/testenv"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// TestCertificatesThatAreNone: every rpc, asked for with a certificate that has
// ended, was revoked, is another fleet's, or is not there.
func TestCertificatesThatAreNone(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "expired"}, {Name: "revoked"}, {Name: "good"}}})
	var root string
	var err error
	who := map[string]*testenv.Thief{}
	for _, name := range []string{"expired", "revoked", "good"} {
		h := env.Hosts[name]
		fatal(t, h.Stop())
		if name == "expired" {
			fatal(t, h.Recertify(time.Now().Add(-31*day), time.Now().Add(-time.Minute)))
		}
		c, err := certs.LoadCredential(filepath.Join(h.StateDir, "credential.pem"))
		fatal(t, err)
		root = c.RootFingerprint()
		who[name], err = h.Thief()
		fatal(t, err)
	}
	_, err = env.Controller.CLI("agents", "revoke", "revoked", "--yes")
	fatal(t, err)
	who["none"] = env.Thief(certs.EnrollTLS(root, time.Now))
	who["another fleet's"] = foreign(t, env, root)

	for name, thief := range who {
		defer thief.Close()
		for rpc, call := range map[string]func(context.Context) error{
			"Hello": func(ctx context.Context) error { _, err := thief.Hello(ctx, helloOf("x")); return err },
			"Renew": func(ctx context.Context) error {
				_, err := thief.Renew(ctx, &fleetv1.RenewRequest{Csr: []byte("x")})
				return err
			},
			"Watch": func(ctx context.Context) error { return watchError(t, thief, "x") },
			"Report": func(ctx context.Context) error {
				stream, err := thief.Report(ctx)
				if err != nil {
					return err
				}
				_ = stream.Send(&fleetv1.ReportRequest{Epoch: "x"})
				_, err = stream.Receive()
				_ = stream.CloseRequest()
				return err
			},
			"Enroll": func(ctx context.Context) error {
				_, err := thief.Enroll(ctx, &fleetv1.EnrollRequest{Token: "x"})
				return err
			},
			"Recover": func(ctx context.Context) error {
				_, err := thief.Recover(ctx, &fleetv1.RecoverRequest{Chain: [][]byte{[]byte("x")}})
				return err
			},
		} {
			want := connect.CodeUnauthenticated
			switch {
			case name == "another fleet's", name == "expired":
				want = connect.CodeUnavailable // it does not come past TLS
			case rpc == "Recover":
			case name == "revoked" && rpc != "Enroll":
				want = connect.CodePermissionDenied
			case name == "good" && rpc == "Hello":
				want = 0
			case name == "good" && (rpc == "Watch" || rpc == "Report"):
				want = connect.CodeAborted // no such epoch
			case name == "good", rpc == "Enroll":
				want = connect.CodeInvalidArgument
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			err := call(ctx)
			cancel()
			code := connect.CodeOf(err)
			if want == connect.CodeUnavailable && !connect.IsWireError(err) {
				code = want // refused in the handshake: what is sent meanwhile breaks in more than one way
			}
			if err == nil && want != 0 || err != nil && code != want {
				t.Errorf("%s certificate, %s: %v, want %s", name, rpc, err, want)
			}
		}
	}
}

// foreign has a certificate that looks like one of this fleet's agents', by an
// authority of its own.
func foreign(t *testing.T, env *testenv.Env, root string) *testenv.Thief {
	t.Helper()
	ca, err := certs.CreateAuthority(filepath.Join(t.TempDir(), "ca"), time.Now(), rand.Reader)
	fatal(t, err)
	key, csr, err := certs.NewKeyAndCSR(rand.Reader)
	fatal(t, err)
	chain, _, err := ca.SignAgent(csr, "0f1e2d3c-0000-4000-8000-000000000001", time.Now())
	fatal(t, err)
	conf := certs.EnrollTLS(root, time.Now)
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // whatever is asked for
		return &tls.Certificate{Certificate: chain, PrivateKey: key}, nil
	}
	return env.Thief(conf)
}
