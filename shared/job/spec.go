package job

import "time"

// TriggeredBy says who asked for a job.
type TriggeredBy string

const (
	ByManual   TriggeredBy = "manual"   // a person or a script, through REST
	BySchedule TriggeredBy = "schedule" // a schedule's fire time
	ByAgent    TriggeredBy = "agent"    // a person on the host, through the agent's CLI
)

// Spec says what to do. It is fixed when the job is made: a repository that is
// edited afterwards changes later jobs, not this one. It holds no secret in
// clear.
type Spec struct {
	Kind          Kind
	Repository    Repository
	CreatedAt     time.Time
	StartDeadline time.Time // not started by then: failed
	TriggeredBy   TriggeredBy
	RequestedBy   string // for the log
	Parent        Key    // of a maintenance step: the backup
	ScheduleID    int64
	FireTime      time.Time    // of a schedule's own job: when it was due, without splay
	Attempt       int          // of these: 0, or which retry
	After         After        // of a backup: what follows it
	Restore       *RestoreSpec // of a restore
	List          *ListSpec    // of a list; nil: of the repository's archives
	Prune         *PruneSpec   // of a prune
	Check         *CheckSpec   // of a check; nil: everything
}

// Repository is a borg repository as one agent uses it.
type Repository struct {
	ID                 int64
	Name               string
	Path               string // a local path or an ssh:// URL, verbatim as registered
	Encryption         string // borg 1.x mode, "none" included
	Compression        string // borg --compression; empty: borg's default
	Sources            []string
	ExcludePatterns    []string // borg --exclude
	OneFileSystem      bool
	ExcludeCaches      bool
	ExcludeIfPresent   []string
	UploadRateLimit    int64         // KiB/s; 0: none
	CheckpointInterval time.Duration // 0: borg's own (30 min)
	LockWait           time.Duration // 0: DefaultLockWait
	FileLog            FileLog
	ArchiveNameFormat  string // empty: DefaultArchiveName
	PassphraseSealed   []byte // age, to the agent's key; empty: none needed
	BorgID             string // borg's repository id, once known
	Adopted            bool   // a borg repository was there before it was registered
	AccountDirs        bool   // used with the borg directories of the agent's account, not those of its state
	MatchArchives      string // borg's glob for the archives of this registration; empty: made from ArchiveNameFormat
	Maintainer         string // agent id of who prunes, compacts and checks it instead of this agent; empty: nobody
	Retention          Keep   // of a prune that is not told what to keep; zero: nothing is said of it
	Hooks              Hooks
}

// DefaultArchiveName is unique by construction: agent names are unique in the
// fleet, jobs of one agent on one repository run one after another.
const DefaultArchiveName = "{agent}-{repository}-{now}"

// FileLog says which files borg names in the log. Anything but FileLogNone
// costs borg CPU: 1.2 to 1.7 times on trees of many small files.
type FileLog string

const (
	FileLogNone    FileLog = "none"
	FileLogChanged FileLog = "changed" // added, modified, changed while read, failed
	FileLogAll     FileLog = "all"
)

// NeedsPassphrase says whether borg asks for a passphrase: for every mode but
// none, and for what is no mode nobody knows.
func NeedsPassphrase(encryption string) bool {
	return encryption != "" && encryption != "none"
}
