// Package server puts a controller together: data directory, authority, store,
// fleet, REST, and the three doors (REST, agents, admin socket).
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"borgfleet/certs"
	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/version"
)

// Options is what a person configures.
type Options struct {
	DataDir       string
	APIListen     string
	AgentListen   string
	AgentURL      string // where agents find this controller; empty: made from the host's name
	APICert       string // PEM files for REST with TLS
	APIKey        string
	LogPolicy     api.LogPolicy
	Settings      fleet.Settings
	AdminPassword string // of the first user; empty: one is generated
	Logger        *slog.Logger
	Started       func(Addresses) // called once every door is open
}

// Addresses says where the doors are.
type Addresses struct {
	API          string // URL
	AgentListen  string // URL of the agent listener on this machine
	Agents       string // URL that join tokens carry
	AdminSocket  string
	PasswordFile string // holds the generated password; empty: none was made
}

// stopTime is how long open requests may take to end after a stop is asked.
const stopTime = 10 * time.Second

// Serve runs a controller until ctx ends.
func Serve(ctx context.Context, o Options) (err error) {
	// Doors first: a port that is taken is noticed before anything is made.
	doors, err := openDoors(o)
	if err != nil {
		return err
	}
	defer doors.close()
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w; choose another with --data-dir, or make it and give it to this user", err)
	}
	st, err := store.Open(filepath.Join(o.DataDir, "store"), store.Options{Logger: o.Logger, Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	authority, err := openAuthority(filepath.Join(o.DataDir, "ca"))
	if err != nil {
		return err
	}
	people, passwordFile, err := openPeople(ctx, o, st, authority.FleetID())
	if err != nil {
		return err
	}
	agentURL, err := doors.agentURL(o.AgentURL)
	if err != nil {
		return err
	}
	fl := fleet.New(fleet.Options{
		Store: st, Authority: authority, AgentURL: agentURL,
		Settings: o.Settings, Logger: o.Logger, Now: time.Now,
	})
	rest := api.Options{
		Fleet: fl, Auth: people, LogPolicy: o.LogPolicy,
		Version: version.String(), Logger: o.Logger, Ready: st.Ready,
	}
	if err := doors.admin(o.DataDir); err != nil {
		return err
	}
	if err := doors.prepare(authority, rest, fl, o.Logger); err != nil {
		return err
	}
	return run(ctx, o, fl, st, doors, Addresses{
		API: doors.apiURL(), AgentListen: "https://" + doors.agents.Addr().String(), Agents: agentURL, AdminSocket: doors.socket, PasswordFile: passwordFile,
	})
}

// run serves until ctx ends or a part fails, then ends the parts in an order
// that loses nothing: the fleet's sessions first, so that agents see an end and
// keep what is not acknowledged; then the doors; the store last.
func run(ctx context.Context, o Options, fl *fleet.Service, st *store.Store, d *doors, at Addresses) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		fl.Run(ctx)
		return nil
	})
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-st.Failed():
			// A store that cannot be trusted any more: end, and let the next
			// start read what is on disk.
			return fmt.Errorf("the store has failed: %w", st.Err())
		}
	})
	d.serve(ctx, g)
	if o.Started != nil {
		o.Started(at)
	}
	return g.Wait()
}

func openAuthority(dir string) (*certs.Authority, error) {
	a, err := certs.OpenAuthority(dir)
	if errors.Is(err, certs.ErrNoAuthority) {
		return certs.CreateAuthority(dir, time.Now(), rand.Reader)
	}
	return a, err
}
