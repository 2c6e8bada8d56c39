package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// conn is the DevTools protocol: JSON messages with a zero byte after each.
type conn struct {
	in  io.ReadCloser
	out io.WriteCloser

	mu      sync.Mutex // guards what follows, and writing
	last    int
	waiting map[int]chan message
	events  func(session, method string, params json.RawMessage)
	err     error // the pipe is done
}

type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

func newConn(in io.ReadCloser, out io.WriteCloser) *conn {
	c := &conn{in: in, out: out, waiting: map[int]chan message{}}
	go c.read()
	return c
}

// listen sets who hears the events from now on.
func (c *conn) listen(f func(session, method string, params json.RawMessage)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events = f
}

func (c *conn) read() {
	r := bufio.NewReaderSize(c.in, 1<<20)
	for {
		data, err := r.ReadBytes(0)
		if err != nil {
			c.fail(fmt.Errorf("the browser has gone: %w", err))
			return
		}
		var m message
		if err := json.Unmarshal(data[:len(data)-1], &m); err != nil {
			c.fail(fmt.Errorf("read a message of the browser: %w", err))
			return
		}
		c.mu.Lock()
		answer, events := c.waiting[m.ID], c.events
		delete(c.waiting, m.ID)
		c.mu.Unlock()
		switch {
		case m.Method != "" && events != nil:
			events(m.Session, m.Method, m.Params)
		case answer != nil:
			answer <- m
		}
	}
}

func (c *conn) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	for _, w := range c.waiting {
		close(w)
	}
	c.waiting = map[int]chan message{}
}

func (c *conn) send(session, method string, params any) (chan message, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	if params == nil {
		raw = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	c.last++
	data, err := json.Marshal(message{ID: c.last, Session: session, Method: method, Params: raw})
	if err != nil {
		return nil, err
	}
	answer := make(chan message, 1)
	c.waiting[c.last] = answer
	_, err = c.out.Write(append(data, 0))
	return answer, err
}

// call sends a command and waits for its result.
func (c *conn) call(ctx context.Context, session, method string, params, result any) error {
	answer, err := c.send(session, method, params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: the browser has gone", method)
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case result == nil:
			return nil
		}
		return json.Unmarshal(m.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
}

func (c *conn) close() {
	_ = c.out.Close() // the browser at its other end has gone
	_ = c.in.Close()
}
