package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"

	"borgfleet/certs"
	"borgfleet/scripts/testenv"
)

// controller is what the fleet is tried on.
type controller struct {
	env    *testenv.Env // nil: it is not ours, and is never ended
	people *people
	pid    int // 0: nothing is measured
	temp   string
}

// startOrFind gives the controller that the options ask for.
func startOrFind(ctx context.Context, o options) (c *controller, err error) {
	if o.api != "" {
		token, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return nil, err
		}
		return &controller{people: newPeople(strings.TrimSuffix(o.api, "/"), strings.TrimSpace(string(token))), pid: o.pid}, nil
	}
	c = &controller{}
	dir := o.dir
	if dir == "" {
		if c.temp, err = os.MkdirTemp("", "borgfleet-sim-"); err != nil {
			return nil, err
		}
		dir = c.temp
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c.env, err = testenv.Start(ctx, testenv.Fleet{Dir: dir, Bin: o.bin, Controller: []string{"--log-policy", "all"}})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.temp))
	}
	c.people = newPeople(c.env.API.URL, c.env.API.Token)
	return c, nil
}

// agents is where its agent listener is: not what testenv has put in front of it,
// or all agents would come from one address.
func (c *controller) agents() (string, error) {
	if c.env != nil {
		return "https://" + c.env.Controller.Agents(), nil
	}
	text, err := c.people.joinToken(1)
	if err != nil {
		return "", err
	}
	token, err := certs.ParseJoinToken(text)
	return token.URL, err
}

// usage is what its process takes; nothing of one that is not known.
func (c *controller) usage() (usage, error) {
	pid := c.pid
	if c.env != nil {
		pid = c.env.Controller.PID()
	}
	if pid == 0 {
		return usage{}, nil
	}
	u, err := usageOf(pid)
	if c.env != nil && errors.Is(err, fs.ErrNotExist) {
		return usage{}, nil // it is away
	}
	return u, err
}

func (c *controller) close() error {
	if c.env == nil {
		return nil
	}
	err := c.env.Close()
	if c.temp != "" {
		err = errors.Join(err, os.RemoveAll(c.temp))
	}
	return err
}
