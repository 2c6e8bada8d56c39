package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/notify"
)

// service sends by the library shoutrrr to the many others: chats, pagers, push
// services. Its URL says which, and has what it needs.
type service struct {
	sender types.Sender
	logs   logShown

	mu    sync.Mutex
	since time.Time     // a send has begun then and not come back; zero: none; guarded by mu
	lost  int           // sends that nobody waits for any more; guarded by mu
	last  chan struct{} // closed when the newest send has come back; nil: there was none; guarded by mu
}

const (
	// stuckAfter is when a send that has not come back is taken for lost: parts of the
	// library wait for a server without end.
	stuckAfter = 5 * time.Minute
	// mostLost: each of them holds a connection.
	mostLost = 8
)

func newService(s Settings, logs logShown) (*service, error) {
	router, err := shoutrrr.NewSender(log.New(io.Discard, "", 0))
	if err != nil {
		return nil, err
	}
	sender, err := router.Locate(s.URL)
	if err != nil {
		return nil, errors.New(s.masked(err.Error()))
	}
	return &service{sender: sender, logs: logs}, nil
}

func checkService(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		return fault.InvalidField("body.url", "it must be the URL of a service as shoutrrr has them, such as slack://hook:TOKENS@webhook")
	}
	switch u.Scheme {
	case "logger":
		return fault.InvalidField("body.url", "a logger tells nobody")
	case "smtp":
		return fault.InvalidField("body.url", "use the type %s for mail", Mail)
	}
	if _, err := newService(Settings{URL: text}, nil); err != nil {
		if strings.Contains(err.Error(), "unknown service") {
			return fault.InvalidField("body.url", "shoutrrr knows no service %q; the word before :// says which, as in slack://hook:TOKENS@webhook", u.Scheme)
		}
		return fault.InvalidField("body.url", "%s", err)
	}
	return nil
}

// mostService: chats take some 4000 characters in one message.
const mostService = 3500

func (s *service) most() int { return mostTogether }

var errStillBusy = errors.New("the service has not answered the message before this one yet")

// begin takes the place of the one send at a time.
func (s *service) begin(now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.since.IsZero():
	case now.Sub(s.since) < stuckAfter:
		return errStillBusy
	case s.lost >= mostLost:
		return fmt.Errorf("the service has left %d messages without an answer: restart the controller to have it try again", s.lost+1)
	default:
		s.lost++
	}
	s.since = now
	return nil
}

// ended is for the send that began then: a lost one may come back later.
func (s *service) ended(began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.Equal(began) {
		s.since = time.Time{}
	} else {
		s.lost--
	}
}

// carry does not wait longer than ctx for a library that may hang, and does not soon
// begin another send beside one that hangs.
func (s *service) carry(ctx context.Context, events []notify.Event) (string, error) {
	began := time.Now()
	if err := s.begin(began); err != nil {
		return "", err
	}
	sent, back := make(chan error, 1), make(chan struct{})
	s.mu.Lock()
	s.last = back
	s.mu.Unlock()
	go func() {
		defer close(back)
		err := s.send(events)
		s.ended(began)
		sent <- err
	}()
	select {
	case err := <-sent:
		return "the service has taken it", err
	case <-ctx.Done():
		return "", fmt.Errorf("the service does not answer: %w", ctx.Err())
	}
}

// rest waits for the send that carry has left behind: one that comes after those of
// the next carrier would be heard last.
func (s *service) rest(ctx context.Context) {
	s.mu.Lock()
	last := s.last
	s.mu.Unlock()
	if last == nil {
		return
	}
	select {
	case <-last:
	case <-ctx.Done():
	}
}

// send makes an error of a panic: the library speaks for two dozen services, and no
// one of them is worth the controller.
func (s *service) send(events []notify.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the service's code failed: %v", p)
		}
	}()
	return s.sender.Send(subject(events)+"\n\n"+body(events, mostService, s.logs), &types.Params{})
}
