package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/url"
	"sync"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/notify"
)

// service sends by the library shoutrrr to the many others: chats, pagers, push
// services. Its URL says which, and has what it needs.
type service struct {
	sender types.Sender

	mu   sync.Mutex
	busy bool // a send has not come back; guarded by mu
}

func newService(s Settings) (*service, error) {
	router, err := shoutrrr.NewSender(log.New(io.Discard, "", 0))
	if err != nil {
		return nil, err
	}
	sender, err := router.Locate(s.URL)
	if err != nil {
		return nil, errors.New(s.masked(err.Error()))
	}
	return &service{sender: sender}, nil
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
	if _, err := newService(Settings{URL: text}); err != nil {
		return fault.InvalidField("body.url", "%s", err)
	}
	return nil
}

func (s *service) most() int { return mostTogether }

var errStillBusy = errors.New("the service has not answered the message before this one yet")

// carry does not wait longer than ctx for a library that may hang, and does not begin
// another send beside one that hangs.
func (s *service) carry(ctx context.Context, events []notify.Event) (string, error) {
	s.mu.Lock()
	busy := s.busy
	s.busy = true
	s.mu.Unlock()
	if busy {
		return "", errStillBusy
	}
	sent := make(chan error, 1)
	go func() {
		err := s.send(events)
		s.mu.Lock()
		s.busy = false
		s.mu.Unlock()
		sent <- err
	}()
	select {
	case err := <-sent:
		return "the service has taken it", err
	case <-ctx.Done():
		return "", fmt.Errorf("the service does not answer: %w", ctx.Err())
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
	return s.sender.Send(subject(events)+"\n\n"+body(events), &types.Params{})
}
