package api

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

// DefaultMaxBody is the most that a request's body may have.
const DefaultMaxBody = 1 << 20

// Fleet is what the API asks and orders.
type Fleet interface {
	Start(context.Context, fleet.StartRequest) (job.Job, error)
	Cancel(ctx context.Context, id int64, by string) (fleet.CancelResult, error)
	Job(ctx context.Context, id int64) (fleet.JobView, error)
	Jobs(context.Context, fleet.JobQuery) (fleet.JobPage, error)
	Log(ctx context.Context, id int64, offset uint64, limit int) (fleet.LogPage, error)
	Agents(context.Context) []fleet.AgentView
	Agent(ctx context.Context, id string) (fleet.AgentView, error)
	CreateJoinToken(context.Context, fleet.JoinTokenRequest) (fleet.JoinToken, error)
	CreateRepository(context.Context, fleet.RepositoryRequest) (fleet.RepositoryView, error)
	Repositories(context.Context) []fleet.RepositoryView
	Repository(ctx context.Context, id int64) (fleet.RepositoryView, error)
}

// Auth gives tokens and knows whose they are. Its errors are fault errors.
type Auth interface {
	// Login's from is not valid for a caller without an address.
	Login(ctx context.Context, user, password string, from netip.Addr) (token string, expiresIn time.Duration, err error)
	Verify(token string) (Principal, error)
}

// Principal is who asks.
type Principal struct {
	User string
	Role Role
}

// Options is what the API needs. Fleet and Auth must be set.
type Options struct {
	Fleet     Fleet
	Auth      Auth
	LogPolicy LogPolicy    // default: LogsOfWarnings
	Version   string       // of the program
	Ready     func() error // nil: always ready
	Logger    *slog.Logger // default: slog.Default
	Now       func() time.Time
	MaxBody   int64 // default: DefaultMaxBody

	// Principal, if set, is asked before any token is looked at: on the admin
	// socket the kernel says who the caller is.
	Principal func(*http.Request) (Principal, bool)
}

func (o Options) withDefaults() Options {
	o.LogPolicy = cmp.Or(o.LogPolicy, LogsOfWarnings)
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// New makes the API's handler.
func New(o Options) http.Handler {
	s := &server{Options: o.withDefaults()}
	return s.logged(s.guarded(s.router()))
}

// server holds the handlers.
type server struct{ Options }
