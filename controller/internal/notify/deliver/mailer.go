package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"borgfleet/controller/internal/notify"
)

// mailer hands a mail to a server.
type mailer struct {
	settings Settings
	tls      *tls.Config
	timeout  time.Duration
	now      func() time.Time
	logs     logShown
}

// mostMail is less than any server refuses.
const mostMail = 1 << 20

func (m *mailer) most() int { return mostTogether }

func (m *mailer) carry(ctx context.Context, events []notify.Event) (string, error) {
	client, err := m.client()
	if err != nil {
		return "", err
	}
	msg, err := m.message(events)
	if err != nil {
		return "", err
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		// The mail is the server's once it has taken it; what is said afterwards
		// changes nothing.
		if !msg.IsDelivered() {
			return "", smtpError(err)
		}
	}
	return strings.TrimSpace(fmt.Sprintf("taken by %s for %s. %s", m.settings.Host, strings.Join(m.settings.To, ", "), msg.ServerResponse())), nil
}

func smtpError(err error) error {
	if send, ok := errors.AsType[*gomail.SendError](err); ok && send.ErrorCode() != 0 {
		return fmt.Errorf("the mail server refuses it: %w", send)
	}
	return err
}

func (m *mailer) client() (*gomail.Client, error) {
	conf := m.tls.Clone()
	if conf == nil {
		conf = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	conf.ServerName = m.settings.Host
	o := []gomail.Option{gomail.WithPort(m.settings.Port), gomail.WithTimeout(m.timeout), gomail.WithTLSConfig(conf)}
	switch m.settings.TLS {
	case FullTLS:
		o = append(o, gomail.WithSSL())
	case NoTLS:
		o = append(o, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		o = append(o, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if m.settings.Username != "" {
		o = append(o, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(m.settings.Username), gomail.WithPassword(m.settings.Password))
	}
	c, err := gomail.NewClient(m.settings.Host, o...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return c, nil
}

// message bears the id of its first event: a mail that is sent again is the same mail.
func (m *mailer) message(events []notify.Event) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.From(m.settings.From); err != nil {
		return nil, fmt.Errorf("mail from %s: %w", m.settings.From, err)
	}
	if err := msg.To(m.settings.To...); err != nil {
		return nil, fmt.Errorf("mail to %s: %w", strings.Join(m.settings.To, ", "), err)
	}
	msg.Subject(subject(events))
	msg.SetDateWithValue(m.now())
	msg.SetMessageIDWithValue(fmt.Sprintf("%s.%d@%s", events[0].ID, len(events), domainOf(m.settings.From)))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, body(events, mostMail, m.logs))
	return msg, nil
}

func domainOf(address string) string {
	if a, err := mail.ParseAddress(address); err == nil {
		return a.Address[strings.LastIndex(a.Address, "@")+1:]
	}
	return "localhost"
}
