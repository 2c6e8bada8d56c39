// Package server puts a controller together: data directory, authority, store,
// fleet, REST, and the three doors (REST, agents, admin socket).
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"borgfleet/controller/internal/addresses"
	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/maintain"
	"borgfleet/controller/internal/metrics"
	"borgfleet/controller/internal/retention"
	"borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/clock"
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
	Proxies       []netip.Prefix // in front of REST, whose word on who calls is taken
	LogPolicy     api.LogPolicy
	PingURL       string // called each minute in which the controller can do its work; empty: none
	Settings      fleet.Settings
	Keep          retention.Policy
	AdminPassword string // of the first user; empty: one is generated
	// ShowRecoveryKey shows the private half of a new recovery key to the person
	// who started the controller; nil: it goes into a file.
	ShowRecoveryKey func(private string) error
	Logger          *slog.Logger
	Started         func(Addresses) // called once every door is open
}

// Addresses says where the doors are.
type Addresses struct {
	API         string // URL
	AgentListen string // URL of the agent listener on this machine
	Agents      string // URL that join tokens carry
	AdminSocket string
	Made        Made
}

// Made is what a start has made that was not there. Only the first makes it all;
// one that was cut leaves the rest to the next.
type Made struct {
	FleetID      string // the new fleet; empty: its authority was there
	User         string // the first user; empty: there were some
	PasswordFile string // holds the generated password; empty: it was given
	RecoveryKey  bool
	RecoveryFile string // holds the private half of a new recovery key; empty: it was shown
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
	if err := openDataDir(o.DataDir); err != nil {
		return err
	}
	figures, err := metrics.New(version.String())
	if err != nil {
		return err
	}
	st, err := store.Open(filepath.Join(o.DataDir, "store"), store.Options{Logger: o.Logger, Now: clock.Now, Meter: figures})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	// The store's lock is ours by now, and this file goes with it.
	shutOut, err := revoked.Open(filepath.Join(o.DataDir, revoked.Name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shutOut.Close()) }()
	var made Made
	authority, err := openAuthority(filepath.Join(o.DataDir, "ca"), trusting(st.Agents()), &made)
	if err != nil {
		return err
	}
	people, err := openPeople(ctx, o, st, authority.FleetID(), &made)
	if err != nil {
		return err
	}
	if err := makeRecoveryKey(ctx, o, st, &made); err != nil {
		return err
	}
	agentURL, err := doors.agentURL(o.AgentURL)
	if err != nil {
		return err
	}
	trail := audit.New(audit.Options{Store: st, Logger: o.Logger, Now: clock.Now})
	fl := fleet.New(fleet.Options{
		Store: st, Authority: authority, ShutOut: shutOut, Audit: trail, AgentURL: agentURL,
		Settings: o.Settings, Logger: o.Logger, Now: clock.Now, Meter: figures,
	})
	post, err := openPost(o, st)
	if err != nil {
		return err
	}
	deadMan := pinger(o, st, doors)
	if err := figures.Read(metrics.Sources{Store: st, Fleet: fl, Post: post, Ping: deadMan, Doors: doors.crowds}); err != nil {
		return err
	}
	if err := fl.AlignShutOut(ctx); err != nil {
		return err
	}
	keeper := retention.New(retention.Options{Store: st, Policy: o.Keep, Audit: trail, Logger: o.Logger, Now: clock.Now})
	rest := api.Options{
		Fleet: fl, Post: post, Auth: people, Audit: trail, LogPolicy: o.LogPolicy,
		Proxies: o.Proxies, Version: version.String(), Logger: o.Logger, Ready: st.Ready, Metrics: figures,
	}
	if err := doors.admin(o.DataDir); err != nil {
		return err
	}
	care := maintain.Options{
		Fleet: fl, Store: st, Keeper: keeper, ShutOut: shutOut, FleetID: authority.FleetID(),
		Authority: filepath.Join(o.DataDir, "ca"), Audit: trail, Logger: o.Logger, Now: clock.Now,
	}
	if err := doors.prepare(authority, rest, care, fl, o.Logger); err != nil {
		return err
	}
	where := addresses.Addresses{API: doors.apiURL(), AgentListen: "https://" + doors.agents.Addr().String(), Agents: agentURL}
	if err := where.Save(o.DataDir); err != nil { // a full disk is no reason not to answer
		o.Logger.Warn("borgfleet-controller doctor will not know where the doors are", "err", err)
	}
	o.Logger.Info("kept are", "policy", o.Keep)
	trail.Own(ctx, "startController", started(st, o.Keep))
	return run(ctx, o, parts{fl, people, keeper, trail, post, deadMan, memory{}}, st, doors, Addresses{
		API: where.API, AgentListen: where.AgentListen, Agents: where.Agents, AdminSocket: doors.socket,
		Made: made,
	})
}

// started says for the audit log what was started: a restored store has lost
// the entries since its backup was taken.
func started(st *store.Store, keep retention.Policy) string {
	text := version.String() + ", keeps " + keep.String()
	if r, ok := st.Restored(); ok {
		text += fmt.Sprintf(", restored at %s from a backup of %s", r.At.UTC().Format(time.RFC3339), r.TakenAt.UTC().Format(time.RFC3339))
	}
	return text
}

// parts do their work until ctx ends.
type parts []interface{ Run(ctx context.Context) }

// run serves until ctx ends or a part fails, then ends the parts in an order
// that loses nothing: the fleet's sessions first, so that agents see an end and
// keep what is not acknowledged; then the doors; the store last.
func run(ctx context.Context, o Options, all parts, st *store.Store, d *doors, at Addresses) error {
	g, ctx := errgroup.WithContext(ctx)
	failed := make(chan error, 1)
	for _, part := range all {
		g.Go(func() error {
			part.Run(ctx)
			return nil
		})
	}
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-st.Failed():
			// A store that cannot be trusted any more: end, and let the next
			// start read what is on disk.
			err := fmt.Errorf("the store has failed: %w", st.Err())
			failed <- err
			return err
		}
	})
	d.serve(ctx, g)
	if o.Started != nil {
		o.Started(at)
	}
	return await(g.Wait, failed)
}

// await waits for the parts. With a store that has failed one of them may hang in it,
// and the controller must end all the same, to be started again.
func await(parts func() error, failed <-chan error) error {
	ended := make(chan error, 1)
	go func() { ended <- parts() }()
	var cause error
	select {
	case err := <-ended:
		return err
	case cause = <-failed:
	}
	wait := time.NewTimer(stopTime + stopTime/2)
	defer wait.Stop()
	select {
	case err := <-ended:
		return err
	case <-wait.C:
		return cause
	}
}
