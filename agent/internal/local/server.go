package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/crowd"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// Jobs is what the socket shows and steers; *daemon.Daemon is one.
type Jobs interface {
	Dirs() []*jobdir.Dir
	Dir(job.Key) (*jobdir.Dir, bool)
	Damaged() []job.Key // here, and could not be opened
	Repositories() []job.Repository
	Start(repo job.Repository, by string) (*jobdir.Dir, error)
	Restore(repo job.Repository, what job.RestoreSpec, by string) (*jobdir.Dir, error)
	Maintain(repo job.Repository, kind job.Kind, prune *job.PruneSpec, check *job.CheckSpec, by string) (*jobdir.Dir, error)
	Cancel(job.Key) error
	Linked() (connected bool, lostAt time.Time)
	Drain(on bool)
	Draining() bool
	AskRecoveryKey() (accepted, named string)
	Underway() []*jobdir.Dir   // have begun, and have not ended
	Unreported() []*jobdir.Dir // have ended, and the controller has not all of them
}

// Options is what a Server needs.
type Options struct {
	Jobs               Jobs
	Identity           state.Identity
	StateDir           string
	Version            string
	Link               func() string                // why there is no connection; empty: there is one
	Borg               func(context.Context) []Borg // what is on this host
	CertificateExpires func() time.Time
	Timetable          func() (states []schedule.State, zone string, version uint64) // nil: there is none
	Logger             *slog.Logger

	// Peer says who may ask beside root; nil: the account of this process.
	Peer func(uid uint32) bool
}

// mostStreams bounds the logs that are read at a time. Each holds one of the
// host's few inotify instances, and the daemon needs those for its jobs.
const mostStreams = 16

// Connections to the socket. Root and the agent's own account are known, as soon
// as they have asked something.
const (
	mostStrangers = 64
	mostCallers   = 64 // of each account
)

// Server answers on the socket.
type Server struct {
	o       Options
	log     *slog.Logger
	streams chan struct{} // a place for each log that is being read
}

// New makes a server.
func New(o Options) *Server {
	if o.Peer == nil {
		own := uint32(os.Getuid())
		o.Peer = func(uid uint32) bool { return uid == own }
	}
	return &Server{o: o, log: o.Logger, streams: make(chan struct{}, mostStreams)}
}

// Serve answers until ctx ends. It closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends log streams
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return crowd.Context(withPeer(ctx, c), c) },
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		// A reader that has stopped reading must not hold the agent up.
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if h.Shutdown(end) != nil {
			h.Close()
		}
	})
	err := h.Serve(crowd.Listen(l, crowd.Limits{Strangers: mostStrangers, Each: mostCallers, All: mostStrangers + 2*mostCallers}, s.log))
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve agent socket: %w", err)
}

type peerKey struct{}

// peer is who is at the other end of a connection.
type peer struct {
	uid uint32
	err error
}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	uid, err := peerUID(c)
	return context.WithValue(ctx, peerKey{}, peer{uid, err})
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /v1/status":             s.status,
		"GET /v1/jobs":               s.jobs,
		"GET /v1/jobs/{ref}":         s.job,
		"POST /v1/jobs/{ref}/cancel": s.cancel,
		"GET /v1/jobs/{ref}/log":     s.stream,
		"POST /v1/backups":           s.backup,
		"POST /v1/restores":          s.restore,
		"POST /v1/maintenance":       s.maintain,
		"POST /v1/drain":             s.drain,
		"DELETE /v1/drain":           s.drain,
		"/":                          unknown,
	} {
		mux.Handle(pattern, s.answer(h))
	}
	return mux
}

// answer lets only those in who may ask, and writes errors.
func (s *Server) answer(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.admit(r)
		if err == nil {
			err = h(w, r)
		}
		if err == nil || r.Context().Err() != nil {
			return
		}
		e, ok := errors.AsType[*Error](err)
		if !ok {
			s.log.Error("request on the agent socket", "path", r.URL.Path, "err", err)
			e = &Error{Internal, err.Error()}
		}
		send(w, statusOf(e.Code), e)
	})
}

func (s *Server) admit(r *http.Request) error {
	p, ok := r.Context().Value(peerKey{}).(peer)
	if !ok || p.err != nil {
		return fmt.Errorf("ask the kernel who is calling: %w", p.err)
	}
	if p.uid != 0 && !s.o.Peer(p.uid) {
		s.log.Warn("refused on the agent socket", "uid", p.uid)
		return &Error{Forbidden, "only root and the agent's own account may ask the agent: use sudo"}
	}
	crowd.Known(r.Context(), strconv.FormatUint(uint64(p.uid), 10))
	return nil
}

// caller names who asks, for the job's record.
func caller(r *http.Request) string {
	p, _ := r.Context().Value(peerKey{}).(peer)
	uid := strconv.FormatUint(uint64(p.uid), 10)
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "uid " + uid
}

func unknown(_ http.ResponseWriter, r *http.Request) error {
	return &Error{NotFound, "this agent knows no " + r.Method + " " + r.URL.Path + ": borgfleet-agent's command line and daemon are of different versions; restart the daemon"}
}

func send(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The caller has gone, if this fails.
	_ = json.NewEncoder(w).Encode(v)
}
