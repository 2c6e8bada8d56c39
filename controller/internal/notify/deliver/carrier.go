package deliver

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

// carrier takes events to one receiver. When it returns nil the receiver has said
// that it has them all.
type carrier interface {
	// carry says what the receiver answered.
	carry(ctx context.Context, events []notify.Event) (answer string, err error)
	// most is how many events are one message.
	most() int
}

// mostTogether are told people in one message, which is all that can wait: a thousand
// mails are read by nobody.
const mostTogether = store.MostWaiting + 1

// refused is a receiver's word that it does not take the message now.
type refused struct {
	what  string
	after time.Duration // how long it wants to be left alone; 0: it does not say
}

func (r *refused) Error() string { return r.what }

// outside is how the world is reached.
type outside struct {
	http    *http.Client
	tls     *tls.Config
	timeout time.Duration
	logs    logShown
}

// newOutside: proxies of the environment are honoured, certificates verified, and no
// redirect is followed, for it would lead somewhere that no administrator has named.
func newOutside(conf *tls.Config, timeout time.Duration, logs logShown) outside {
	tr := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf.Clone(), ForceAttemptHTTP2: true,
		MaxIdleConns: 10, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 32 << 10,
	}
	return outside{tls: conf, timeout: timeout, logs: logs, http: &http.Client{
		Transport: tr, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (o outside) carrier(typ string, s Settings, now func() time.Time) (carrier, error) {
	s = s.withDefaults(typ)
	switch typ {
	case Webhook:
		return newWebhook(o.http, s, now)
	case Ntfy:
		return newNtfy(o.http, s, o.logs), nil
	case Mail:
		return &mailer{settings: s, tls: o.tls, timeout: o.timeout, now: now, logs: o.logs}, nil
	case Shoutrrr:
		return newService(s, o.logs)
	}
	return nil, fmt.Errorf("the type %s is not known to this version", typ)
}
