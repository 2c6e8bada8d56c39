package deliver

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

// mailServer is a real SMTP server.
type mailServer struct {
	host  string
	port  int
	trust *tls.Config // of who knows its authority

	mu    sync.Mutex
	mails []string // guarded by mu
	to    []string // guarded by mu
	auth  string   // guarded by mu
	bad   []error  // what DATA is answered with; guarded by mu
	hold  func()   // waited for before a mail is taken
}

// newMailServer speaks TLS from the start, after STARTTLS, or never.
func newMailServer(t *testing.T, mode string) *mailServer {
	t.Helper()
	https := httptest.NewTLSServer(nil) // for its certificate
	certificates, pool := https.TLS.Certificates, x509.NewCertPool()
	pool.AddCert(https.Certificate())
	https.Close()
	m := &mailServer{trust: &tls.Config{RootCAs: pool}}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{m}, nil }))
	server.ErrorLog = log.New(io.Discard, "", 0)
	server.Domain = "mail.example.org"
	conf := &tls.Config{Certificates: certificates}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	at := l.Addr().(*net.TCPAddr)
	m.host, m.port = at.IP.String(), at.Port
	switch mode {
	case StartTLS:
		server.TLSConfig = conf
	case FullTLS:
		l = tls.NewListener(l, conf)
	case NoTLS:
		server.AllowInsecureAuth = true
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return m
}

type mailSession struct{ *mailServer }

func (s *mailSession) Reset()                               {}
func (s *mailSession) Logout() error                        { return nil }
func (s *mailSession) Mail(string, *smtp.MailOptions) error { return nil }
func (s *mailSession) AuthMechanisms() []string             { return []string{sasl.Plain} }

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = append(s.to, to)
	return nil
}

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.auth = user + ":" + password
		if password != "t0ps3cret" {
			return errors.New("wrong password")
		}
		return nil
	}), nil
}

func (s *mailSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if s.hold != nil {
		s.hold()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.bad) > 0 {
		err, s.bad = s.bad[0], s.bad[1:]
		return err
	}
	s.mails = append(s.mails, string(data))
	return err
}

func (m *mailServer) got() (mails []string, auth string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.mails...), m.auth
}

func (m *mailServer) settings(mode string) Settings {
	return Settings{Host: m.host, Port: m.port, TLS: mode, From: "Borg Fleet <fleet@example.org>", To: []string{"ann@example.org", "ops@example.org"}}
}

// TestMail by TLS from the start and after STARTTLS, with a password.
func TestMail(t *testing.T) {
	for _, mode := range []string{StartTLS, FullTLS} {
		t.Run(mode, func(t *testing.T) {
			m := newMailServer(t, mode)
			m.bad = []error{&smtp.SMTPError{Code: 451, Message: "try again later"}}
			o := newOffice(t, func(o *Options) { o.TLS = m.trust })
			s := m.settings(mode)
			s.Username, s.Password = "fleet", "t0ps3cret"
			c := o.channel(Mail, s)
			o.tells(1, 2)
			o.runs()
			o.delivered(c.ID)
			mails, auth := m.got()
			if len(mails) != 2 || auth != "fleet:t0ps3cret" || len(m.to) != 6 { // the first is tried twice, then alone
				t.Fatalf("%d mails to %v, log-in %s", len(mails), m.to, auth)
			}
			msg, err := mail.ReadMessage(strings.NewReader(mails[0]))
			must(t, err)
			body, err := io.ReadAll(msg.Body)
			must(t, err)
			if msg.Header.Get("Subject") != "borgfleet: event 1" || !strings.Contains(string(body), "failure: event 1") || !strings.Contains(msg.Header.Get("To"), "ann@example.org") ||
				msg.Header.Get("Auto-Submitted") != "auto-generated" || !strings.HasSuffix(msg.Header.Get("Message-Id"), "@example.org>") {
				t.Errorf("%s", mails[0])
			}
			tested, err := o.post.Test(t.Context(), c.ID, "ann")
			must(t, err)
			if !tested.Delivered || !strings.Contains(tested.Answer, "taken by "+m.host) {
				t.Errorf("%+v", tested)
			}
		})
	}
}

// TestManyInOneMail: what has waited is one mail, which says what is in it.
func TestManyInOneMail(t *testing.T) {
	m := newMailServer(t, StartTLS)
	o := newOffice(t, func(o *Options) { o.TLS = m.trust })
	c := o.channel(Mail, m.settings(StartTLS))
	o.tells(1, store.MostWaiting+7)
	o.runs()
	o.delivered(c.ID)
	mails, _ := m.got()
	if len(mails) != 1 {
		t.Fatalf("%d mails", len(mails))
	}
	msg, text := readMail(t, mails[0])
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	must(t, err)
	if subject != "borgfleet: 1001 notifications (1000 failure, 1 left_out), the first: event 1" {
		t.Errorf("the subject is %q", subject)
	}
	if strings.Count(text, "failure: event") != 1000 || !strings.Contains(text, "7 notifications left out") ||
		strings.Index(text, "event 2\r") > strings.Index(text, "event 3\r") {
		t.Errorf("%.500s", text)
	}
}

func readMail(t *testing.T, raw string) (*mail.Message, string) {
	t.Helper()
	msg, err := mail.ReadMessage(strings.NewReader(raw))
	must(t, err)
	if msg.Header.Get("Content-Transfer-Encoding") != "quoted-printable" {
		t.Errorf("the encoding is %s", msg.Header.Get("Content-Transfer-Encoding"))
	}
	text, err := io.ReadAll(quotedprintable.NewReader(msg.Body))
	must(t, err)
	return msg, string(text)
}

// TestHostileWords: what repositories are called and what borg says comes from others.
// It neither adds headers, nor ends a mail, nor passes for another event.
func TestHostileWords(t *testing.T) {
	m := newMailServer(t, StartTLS)
	o := newOffice(t, func(o *Options) { o.TLS = m.trust })
	c := o.channel(Mail, m.settings(StartTLS))
	title := "backup of x\r\nBcc: mallory@example.org\r\n\r\nhello of 中文 on " + strings.Repeat("w", 300)
	message := "first\n.\nMAIL FROM:<x@y.z>\n" + strings.Repeat("long ", 500) + "\n..two dots\r\nend é"
	must(t, o.st.Update(t.Context(), func(tx *store.Tx) error {
		return notify.Tell(tx, notify.Event{Event: notify.Failure, At: *notify.At(time.Now()), Title: title, Message: message})
	}))
	o.runs()
	o.delivered(c.ID)
	mails, _ := m.got()
	msg, text := readMail(t, mails[0])
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	must(t, err)
	if msg.Header.Get("Bcc") != "" || len(mails) != 1 || len(m.to) != 2 || subject != "borgfleet: "+strings.ReplaceAll(title, "\r\n", `\r\n`) {
		t.Errorf("%d mails to %q: %q, %v", len(mails), m.to, subject, msg.Header)
	}
	for _, part := range []string{"\r\n    .\r\n    MAIL FROM:<x@y.z>", strings.Repeat("long ", 500), "\r\n    ..two dots\r\n    end é\r\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("%.60q is not in it:\n%s", part, text)
		}
	}
	for line := range strings.Lines(mails[0]) {
		if len(line) > 998+2 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

// TestMailIsNotSentInTheOpen: a server without TLS, or one that cannot prove who it
// is, gets neither the mail nor the password.
func TestMailIsNotSentInTheOpen(t *testing.T) {
	open, stranger := newMailServer(t, NoTLS), newMailServer(t, StartTLS)
	impostor := newMailServer(t, FullTLS)
	for name, c := range map[string]struct {
		m    *mailServer
		mode string
		want string
	}{
		"no STARTTLS":       {open, StartTLS, "STARTTLS"},
		"unknown authority": {stranger, StartTLS, "certificate"},
		"unknown, TLS":      {impostor, FullTLS, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			s := c.m.settings(c.mode)
			s.Username, s.Password = "fleet", "t0ps3cret"
			ch := o.channel(Mail, s)
			tested, err := o.post.Test(t.Context(), ch.ID, "ann")
			must(t, err)
			if mails, auth := c.m.got(); tested.Delivered || !strings.Contains(tested.Answer, c.want) || len(mails) > 0 || auth != "" {
				t.Errorf("%+v, %d mails, log-in %q", tested, len(mails), auth)
			}
		})
	}
}

// TestMailInTheOpen is sent by those who say so.
func TestMailInTheOpen(t *testing.T) {
	m := newMailServer(t, NoTLS)
	o := newOffice(t)
	tested, err := o.post.Test(t.Context(), o.channel(Mail, m.settings(NoTLS)).ID, "ann")
	must(t, err)
	if mails, _ := m.got(); !tested.Delivered || len(mails) != 1 {
		t.Errorf("%+v, %d mails", tested, len(mails))
	}
}

// TestWrongPassword is told, and the password is not.
func TestWrongPassword(t *testing.T) {
	m := newMailServer(t, StartTLS)
	o := newOffice(t, func(o *Options) { o.TLS = m.trust })
	s := m.settings(StartTLS)
	s.Username, s.Password = "fleet", "wr0ngs3cret"
	tested, err := o.post.Test(t.Context(), o.channel(Mail, s).ID, "ann")
	must(t, err)
	if tested.Delivered || !strings.Contains(tested.Answer, "wrong password") || strings.Contains(tested.Answer+o.log.String(), "wr0ngs3cret") {
		t.Errorf("%+v", tested)
	}
	if bytes.Contains([]byte(o.log.String()), []byte("wr0ngs3cret")) {
		t.Error("it is in the log")
	}
}
