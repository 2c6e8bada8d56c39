package fleet

import (
	"time"

	"borgfleet/shared/job"
)

// JobView is a job as people see it: what is stored, and what is known of its
// agent at this moment.
type JobView struct {
	job.Job
	AgentName         string
	AgentOnline       bool
	LastContactAt     time.Time // zero: never
	WaitingFor        string    // empty unless pending, or the outcome cannot be looked up
	MaintenanceStatus string    // of a backup; empty: null
	ParentID          int64     // 0: none
	LogLines          uint64    // lines stored so far
}

// CancelResult says what came of a cancel within the time the caller waited.
type CancelResult struct {
	Ended             bool // the job has ended
	ProcessTerminated bool // a borg was running and is confirmed gone
}

// LogLine is one line as REST shows it.
type LogLine struct {
	Number uint64
	Text   string
}

// LogPage is a part of a job's log.
type LogPage struct {
	Job     job.Job
	Lines   []LogLine
	Total   uint64 // lines that exist now
	HasMore bool   // beyond this page, now
}

// AgentView is an agent as people see it.
type AgentView struct {
	ID                   string
	Name                 string
	Hostname             string
	Online               bool
	LastContactAt        time.Time
	EnrolledAt           time.Time
	Labels               map[string]string
	Version              string
	Borg                 []BorgBinary
	CertificateExpiresAt time.Time
	Running              int
	Waiting              int
	Paused               bool
	Revoked              bool
	RevokedAt            time.Time
	MaxParallel          int
	Problem              string         // what a person should look at; empty: nothing
	ProblemAt            time.Time      // when it was last seen
	ClockSkew            *time.Duration // how far its clock was ahead; nil: it has not said Hello yet
	AgeRecipient         string         // what a client seals passphrases to
	RecoveryRecipient    string         // of the recovery key that its host seals to; empty: none
	RecoveryAccepted     bool           // that is the fleet's
}

// BorgBinary is a borg found on a host.
type BorgBinary struct {
	Path    string
	Version string
	Problem string // empty, or why the agent cannot use it
}

// RepositoryView is a registered repository. MatchArchives is never empty.
type RepositoryView struct {
	job.Repository
	AgentID        string
	AgentName      string
	Status         string // pending, ready, failed
	ErrorCode      string
	ErrorMessage   string
	AlreadyExisted bool
	Imported       bool
	CreatedAt      time.Time
	InitJob        int64 // the job that made, adopted or imported it
	MaintainerName string

	Recovery        *job.Recovery // the newest copy for a recovery key, without what is sealed; nil: there is none
	RecoveryCurrent bool          // it is for the key that is the fleet's now
	PassphraseJob   int64         // tries a new passphrase; 0: none does

	CatalogueAsOf time.Time // when this was true; zero: nothing is known of the archives
	Archives      int64
	Unmatched     int64 // of these, that MatchArchives does not match
	Vanished      int64 // have gone, and no job of ours removed them; not among Archives
}

// StartRequest asks for a backup.
type StartRequest struct {
	Repository     string // exact path, else name, else id
	Agent          string // id or name; only needed where Repository is ambiguous
	IdempotencyKey string
	By             string // who asks, for log and audit
}

// RepositoryRequest registers a repository. Exactly one of Passphrase and
// PassphraseSealed may be set; a plain one is sealed at once and forgotten.
type RepositoryRequest struct {
	Agent            string // id or name; may be empty when the fleet has one agent
	Definition       job.Repository
	Passphrase       string
	PassphraseSealed []byte
	By               string
}

// RepositoryUpdate changes a registration.
type RepositoryUpdate struct {
	ID               int64
	Change           func(job.Repository) job.Repository // may be called more than once
	Maintainer       *string                             // id or name of the agent that is to be it; empty: nobody; nil: as before
	Passphrase       string                              // this or the next, or neither: the old one stays
	PassphraseSealed []byte
	By               string
}

// JoinTokenRequest asks for a token that lets hosts enrol.
type JoinTokenRequest struct {
	Name   string // the agent's name; empty: the host's
	Labels map[string]string
	TTL    time.Duration // 0: one hour
	Uses   int           // 0: one
	By     string
}

// JoinToken is shown once.
type JoinToken struct {
	Token     string
	ExpiresAt time.Time
}

// JobQuery selects jobs, newest first by CreatedAt, then ID. Empty fields
// select everything.
type JobQuery struct {
	Agent         string // id or name
	Repository    string // path, name or id
	Label         string // key=value
	Statuses      []job.Status
	Kinds         []job.Kind
	ScheduleID    int64
	ScheduledOnly bool
	ManualOnly    bool
	Since, Until  time.Time // on CreatedAt; Until is exclusive
	Cursor        string
	Limit         int
}

// JobPage is one page of jobs.
type JobPage struct {
	Jobs       []JobView
	NextCursor string // empty: the end
}
