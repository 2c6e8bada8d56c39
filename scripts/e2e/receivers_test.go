package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What the documents call the receivers of notifications and of pings.
const (
	hooksName = "hooks.example.org"
	pingName  = "ping.example.org"
)

// receivers are those two, among the machines.
type receivers struct {
	*listener
	i *installed
}

// listen starts the receivers. The machines trust their certificate, as those of a
// site trust its own authority.
func (i *installed) listen() *receivers {
	i.t.Helper()
	r := &receivers{listener: deafListener(i.t), i: i}
	certificate := selfSigned(i.t, hooksName, pingName)
	l, err := i.network.Listen(":443")
	fatal(i.t, err)
	fatal(i.t, r.Listener.Close())
	r.Listener, r.TLS = l, &tls.Config{Certificates: []tls.Certificate{certificate}}
	r.StartTLS()
	file := filepath.Join(i.controller.Root, "usr/local/share/ca-certificates/site.crt")
	fatal(i.t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}), 0o644))
	i.says(i.controller, "update-ca-certificates")
	return r
}

func selfSigned(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	now := time.Now()
	about := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	fatal(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// firstFleet: who has typed docs/install.md was told of what happened in it, in
// its order, signed with the secret that was shown; and somebody hears that the
// controller lives.
func (r *receivers) firstFleet() {
	t := r.i.t
	t.Helper()
	var history struct{ Jobs []struct{ ID int64 } }
	decode(t, []byte(r.i.says(r.i.controller, "borgfleet-controller jobs list --kind backup --output json")), &history)
	if len(history.Jobs) != 4 {
		t.Fatalf("docs/install.md has made the backups %v", history.Jobs)
	}
	job := func(n int) string { return " " + itoa(history.Jobs[len(history.Jobs)-n].ID) } // the newest is the first
	want := []string{"test", "success" + job(1), "success" + job(2), "failure" + job(3), "success" + job(4), "recovered" + job(4)}
	r.await(func(got []string) bool { return slices.Equal(got, want) }, want)
	secret := regexp.MustCompile(`(?m)^whsec_\S+$`).FindString(r.i.printed.String())
	for _, m := range r.posts() {
		if !signed(m, secret) {
			t.Errorf("the signature %v of %s is wrong", m.header["Webhook-Signature"], m.body)
		}
	}
	if signed(r.posts()[0], "whsec_"+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 32))) {
		t.Error("another secret would have done")
	}
	if !slices.Contains(r.asked(), "/borgfleet") {
		t.Errorf("nobody called /borgfleet: %v", r.asked())
	}
}

// once: a job's end is told a single time.
func (r *receivers) once(job string) {
	r.i.t.Helper()
	r.await(func(got []string) bool { return slices.Contains(got, "success "+job) }, []string{"success " + job})
	n := 0
	for _, e := range r.events() {
		if strings.HasSuffix(e, " "+job) {
			n++
		}
	}
	if n != 1 {
		r.i.t.Errorf("job %s was told %d times: %v", job, n, r.events())
	}
}

func (r *receivers) await(done func([]string) bool, want []string) {
	r.i.t.Helper()
	for deadline := time.Now().Add(time.Minute); !done(r.events()); time.Sleep(50 * time.Millisecond) { // between looks
		if time.Now().After(deadline) || r.i.ctx.Err() != nil {
			r.i.t.Fatalf("told were %q, not %q", r.events(), want)
		}
	}
}

// events are what was told, with the job that it is of.
func (r *receivers) events() (out []string) {
	for _, m := range r.posts() {
		var e told
		decode(r.i.t, m.body, &e)
		switch {
		case e.Job == nil:
			out = append(out, e.Event)
		default:
			out = append(out, e.Event+" "+strconv.FormatInt(e.Job.ID, 10))
		}
	}
	return out
}

// posts are the messages themselves.
func (r *receivers) posts() (out []raw) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n, path := range r.paths {
		if path == "/backups" {
			out = append(out, r.raw[n])
		}
	}
	return out
}

// signed looks at a message as docs/notifications.md says.
func signed(m raw, secret string) bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	at, err := strconv.ParseInt(m.header.Get("Webhook-Timestamp"), 10, 64)
	if err != nil || time.Since(time.Unix(at, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(m.header.Get("Webhook-Id") + "." + m.header.Get("Webhook-Timestamp") + "."))
	mac.Write(m.body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(want), []byte(m.header.Get("Webhook-Signature")))
}
