package api

import (
	"cmp"
	"context"
	"iter"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/notify/deliver"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

const (
	// DefaultMaxBody is the most that a request's body may have.
	DefaultMaxBody = 1 << 20

	// A stream that has nothing to say says so this often: proxies end what is
	// silent for a minute.
	defaultHeartbeat = 15 * time.Second
	// A client that has not read for so long is cut off.
	defaultStreamWrite = 30 * time.Second
	// More than that a person does not look at.
	defaultStreams = 64
)

// Fleet is what the API asks and orders.
type Fleet interface {
	Start(context.Context, fleet.StartRequest) (job.Job, error)
	Cancel(ctx context.Context, id int64, by string) (fleet.CancelResult, error)
	Job(ctx context.Context, id int64) (fleet.JobView, error)
	Jobs(context.Context, fleet.JobQuery) (fleet.JobPage, error)
	Log(ctx context.Context, id int64, offset uint64, limit int) (fleet.LogPage, error)
	Lines(id int64, offset, to uint64) iter.Seq2[fleet.LogLine, error]
	Follow(id int64) (changed <-chan struct{}, stop func())
	Events(q fleet.EventQuery, cursor string) (fleet.NextEvents, error)
	Agents(context.Context) []fleet.AgentView
	Agent(ctx context.Context, id string) (fleet.AgentView, error)
	ChangeAgent(ctx context.Context, id string, c fleet.AgentChange) (fleet.AgentView, error)
	RevokeAgent(ctx context.Context, id, by string) (fleet.AgentView, error)
	DeleteAgent(ctx context.Context, id, by string) error
	CreateJoinToken(context.Context, fleet.JoinTokenRequest) (fleet.JoinToken, error)
	CreateRepository(context.Context, fleet.RepositoryRequest) (fleet.RepositoryView, error)
	ImportRepository(context.Context, fleet.RepositoryRequest) (fleet.RepositoryView, error)
	UpdateRepository(context.Context, fleet.RepositoryUpdate) (fleet.RepositoryView, error)
	DeleteRepository(ctx context.Context, id int64) error
	RunningJobs(ctx context.Context, id int64) ([]fleet.JobView, error)
	Repositories(context.Context) []fleet.RepositoryView
	Archives(context.Context, fleet.ArchiveQuery) (fleet.ArchiveList, error)
	Contents(context.Context, fleet.FolderQuery) (fleet.Folder, error)
	Restore(context.Context, fleet.RestoreRequest) (job.Job, error)
	Repository(ctx context.Context, id int64) (fleet.RepositoryView, error)
	RetryRepository(ctx context.Context, id int64, by string) (fleet.RepositoryView, error)
	AcknowledgeVanished(ctx context.Context, id int64, refs []string, by string) (fleet.Acknowledged, error)
	Hosts(context.Context, fleet.HostQuery) ([]fleet.HostView, error)
	Summary(context.Context) (fleet.Summary, error)
	AcceptSize(ctx context.Context, repository, job int64, by string) (history.Last, error)
	Trends(context.Context, fleet.TrendQuery) (fleet.Trends, error)
	CreateSchedule(context.Context, fleet.ScheduleRequest) (fleet.ScheduleView, error)
	ChangeSchedule(ctx context.Context, id int64, change func(schedule.Schedule, []int64) (schedule.Schedule, []int64)) (fleet.ScheduleView, error)
	DeleteSchedule(ctx context.Context, id int64) error
	Schedules(context.Context) ([]fleet.ScheduleView, error)
	Schedule(ctx context.Context, id int64) (fleet.ScheduleView, error)
	RunSchedule(ctx context.Context, id int64, by string) (fleet.RunNowResult, error)
	NextRuns(ctx context.Context, id int64, n int) (runs []fleet.NextRun, unknown []string, err error)
	Maintain(context.Context, fleet.MaintenanceRequest) (job.Job, error)
	Recovery(ctx context.Context, id int64) (fleet.RecoveryView, error)
	RecoveryKey(context.Context) (fleet.RecoveryKeyView, error)
	ReplaceRecoveryKey(ctx context.Context, recipient, by string) (fleet.RecoveryKeyView, error)
}

// Post tells people what happens.
type Post interface {
	Channels() []deliver.Channel
	Channel(id int64) (deliver.Channel, error)
	CreateChannel(context.Context, deliver.NewChannel) (c deliver.Channel, secret string, err error)
	ChangeChannel(ctx context.Context, id int64, change func(string, deliver.Settings) (string, deliver.Settings)) (deliver.Channel, error)
	DeleteChannel(ctx context.Context, id int64) error
	Test(ctx context.Context, id int64, by string) (deliver.Tested, error)
	Settings(id int64) (s deliver.Settings, readable bool, err error)
	Rules() []store.Rule
	Rule(id int64) (store.Rule, error)
	CreateRule(context.Context, store.Rule) (store.Rule, error)
	ChangeRule(ctx context.Context, id int64, change func(store.Rule) store.Rule) (store.Rule, error)
	DeleteRule(ctx context.Context, id int64) error
	Conditions() []store.Condition
}

// Options is what the API needs. Fleet, Auth, Audit and Post must be set.
type Options struct {
	Fleet     Fleet
	Post      Post
	Auth      Auth
	Audit     Audit
	LogPolicy LogPolicy    // default: LogsOfWarnings
	Version   string       // of the program
	Ready     func() error // nil: always ready
	Logger    *slog.Logger // default: slog.Default
	Now       func() time.Time
	MaxBody   int64 // default: DefaultMaxBody

	Heartbeat   time.Duration // of a stream that has nothing to say; default: 15 s
	StreamWrite time.Duration // that a client may take for a part of a stream; default: 30 s
	Streams     int           // that one principal may have open; default: 64

	// Proxies are believed when they say in X-Forwarded-For whom they speak for.
	Proxies []netip.Prefix

	// Metrics, if set, hears what is answered, and is served.
	Metrics Metrics

	// Principal, if set, is asked before any token is looked at: on the admin
	// socket the kernel says who the caller is.
	Principal func(*http.Request) (Principal, bool)
}

func (o Options) withDefaults() Options {
	o.LogPolicy = cmp.Or(o.LogPolicy, LogsOfWarnings)
	o.MaxBody = cmp.Or(o.MaxBody, DefaultMaxBody)
	o.Heartbeat = cmp.Or(o.Heartbeat, defaultHeartbeat)
	o.StreamWrite = cmp.Or(o.StreamWrite, defaultStreamWrite)
	o.Streams = cmp.Or(o.Streams, defaultStreams)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	if o.Metrics == nil {
		o.Metrics = unmeasured{}
	}
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// API is the handler of every route.
type API struct {
	http.Handler
	end context.CancelFunc
}

// New makes the API.
func New(o Options) *API {
	o = o.withDefaults()
	ending, end := context.WithCancel(context.Background())
	s := &server{Options: o, streams: newStreams(o.Streams), ending: ending, names: operationNames()}
	return &API{Handler: s.logged(s.guarded(s.router())), end: end}
}

// EndStreams ends the streams that are open: they would have no end of their
// own for a server that stops to wait for.
func (a *API) EndStreams() { a.end() }

// server holds the handlers.
type server struct {
	Options
	streams *streams
	ending  context.Context   // ends when the controller stops
	names   map[string]string // of the operations, by method and path

	proxyNoticed sync.Once // that a proxy is there which is not among Proxies
}
