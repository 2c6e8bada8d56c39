package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"borgfleet/certs"
	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/maintain"
	"borgfleet/controller/internal/metrics"
	"borgfleet/shared/clock"
	"borgfleet/shared/crowd"
)

// doors are the listeners and what answers behind them.
type doors struct {
	api, agents, local net.Listener
	crowds             map[string]metrics.Door // of these, that strangers reach
	tls                bool                    // REST is served with TLS
	socket             string
	servers            []door
}

type door struct {
	server *http.Server
	on     net.Listener
	tls    bool
}

// openDoors listens where people and agents come in.
func openDoors(o Options) (*doors, error) {
	d := &doors{tls: o.APICert != ""}
	var err error
	rest, agents, err := room()
	if err != nil {
		return nil, err
	}
	if d.api, err = listen(o.APIListen, "--api-listen"); err != nil {
		return nil, err
	}
	people := crowd.Listen(d.api, rest, o.Logger)
	d.api = people
	if d.tls {
		pair, err := tls.LoadX509KeyPair(o.APICert, o.APIKey)
		if err != nil {
			d.close()
			return nil, fmt.Errorf("certificate for REST: %w; --api-cert and --api-key name PEM files that belong together and that this user may read", err)
		}
		d.api = tls.NewListener(d.api, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}})
	}
	if d.agents, err = listen(o.AgentListen, "--agent-listen"); err != nil {
		d.close()
		return nil, err
	}
	hosts := crowd.Listen(d.agents, agents, o.Logger)
	d.agents = hosts
	d.crowds = map[string]metrics.Door{"rest": people, "agents": hosts}
	return d, nil
}

func listen(addr, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: the port is in use by another program; stop that, or choose another port with %s", addr, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: this user may not open the port; choose one above 1023 with %s", addr, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s: this machine has no such address (ip addr shows which it has); choose one with %s, or :PORT for all", addr, flag)
	default:
		return nil, fmt.Errorf("%s %s: %w; write an address of this machine and a port, as 127.0.0.1:5000 or :5443", flag, addr, err)
	}
}

// admin opens the socket through which this host's root, or the controller's
// own user, needs no password: the kernel says who calls.
func (d *doors) admin(dataDir string) error {
	dir := filepath.Join(dataDir, "admin")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	d.socket = filepath.Join(dir, "admin.sock")
	// The store's lock is ours by now: whoever left this socket is gone.
	if err := os.Remove(d.socket); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("admin socket: %w", err)
	}
	var err error
	if d.local, err = net.Listen("unix", d.socket); err != nil {
		return fmt.Errorf("admin socket: %w", err)
	}
	return os.Chmod(d.socket, 0o600)
}

// prepare puts the servers behind the listeners.
func (d *doors) prepare(a *certs.Authority, rest api.Options, care maintain.Options, fl *fleet.Service, log *slog.Logger) error {
	local := rest
	local.Principal = peerPrincipal
	admin := restServer(local, log)
	admin.ConnContext = withPeer
	care.Next, care.By = admin.Handler, func(r *http.Request) (string, bool) {
		p, ok := peerPrincipal(r)
		return p.User, ok
	}
	admin.Handler = maintain.New(care)
	conf, err := a.ServerTLS(clock.Now)
	if err != nil {
		return err
	}
	d.servers = []door{
		{server: restServer(rest, log), on: d.api},
		{server: admin, on: d.local},
		{server: agentServer(fl.Handler(), conf, log), on: d.agents, tls: true},
	}
	return nil
}

// restServer does not wait for streams when it stops.
func restServer(o api.Options, log *slog.Logger) *http.Server {
	handler := api.New(o)
	server := api.HTTPServer(handler, log)
	server.RegisterOnShutdown(handler.EndStreams)
	server.ConnContext = crowd.Context
	return server
}

// agentServer speaks HTTP/2 only. Pings end half-open links; the windows keep
// a stalled Report from starving the other calls of its connection.
func agentServer(h http.Handler, conf *tls.Config, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler: h, TLSConfig: conf, Protocols: protocols,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ConnContext:       crowd.Context,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          16,
			SendPingTimeout:               15 * time.Second,
			PingTimeout:                   15 * time.Second,
			WriteByteTimeout:              30 * time.Second,
			MaxReceiveBufferPerConnection: 4 << 20,
			MaxReceiveBufferPerStream:     1 << 20,
			// The longest frame stays in memory for as long as its connection lives,
			// here, and as a buffer of each stream at the agent: of 1 MiB, which is what
			// net/http allows by itself, ten thousand connections have 10 GiB.
			MaxReadFrameSize: 16 << 10,
		},
	}
}

// serve runs the servers in g until ctx ends.
func (d *doors) serve(ctx context.Context, g *errgroup.Group) {
	for _, door := range d.servers {
		g.Go(func() error {
			var err error
			if door.tls {
				err = door.server.ServeTLS(door.on, "", "")
			} else {
				err = door.server.Serve(door.on)
			}
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return fmt.Errorf("serve %s: %w", door.on.Addr(), err)
		})
		g.Go(func() error {
			<-ctx.Done()
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
			defer cancel()
			if err := door.server.Shutdown(stop); err != nil {
				return door.server.Close()
			}
			return nil
		})
	}
}

func (d *doors) close() {
	for _, l := range []net.Listener{d.api, d.agents, d.local} {
		if l != nil {
			l.Close() // a second close, after the servers', does nothing
		}
	}
}

func (d *doors) apiURL() string {
	scheme := "http"
	if d.tls {
		scheme = "https"
	}
	return scheme + "://" + d.api.Addr().String()
}

// agentURL is what join tokens carry. Agents check the fleet's CA, not this
// name, so it only has to lead here.
func (d *doors) agentURL(given string) (string, error) {
	if given != "" {
		u, err := url.Parse(given)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return "", fmt.Errorf("--agent-url %q: write it as https://HOST:PORT", given)
		}
		return strings.TrimSuffix(given, "/"), nil
	}
	host, port, err := net.SplitHostPort(d.agents.Addr().String())
	if err != nil {
		return "", fmt.Errorf("agent listener: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		if host, err = os.Hostname(); err != nil {
			return "", fmt.Errorf("ask for this host's name: %w; give --agent-url", err)
		}
	}
	return "https://" + net.JoinHostPort(host, port), nil
}
