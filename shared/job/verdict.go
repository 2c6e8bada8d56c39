package job

import "time"

// Error codes that borgfleet itself gives. Those that come from borg's msgids
// are in the agent's borg package. Codes are stable: scripts compare them.
const (
	CodeLost              = "lost"               // the agent came back without the job, or never
	CodeInterrupted       = "interrupted"        // job process and borg died; no archive was made
	CodeStatusLost        = "exit_status_lost"   // the archive is complete, borg's exit status is not known
	CodeUnverified        = "unverified"         // interrupted, and given up before it could be looked up
	CodeDeadline          = "start_deadline"     // could not start in time
	CodePolicy            = "policy_refused"     // the host does not allow it
	CodeSourcesMissing    = "sources_missing"    // no source directory exists
	CodeSourcesUnreadable = "sources_unreadable" // sources exist, and none may be read
	CodeNoFiles           = "no_files"           // nothing was there to back up
	CodeBorgMissing       = "borg_missing"
	CodeBorgVersion       = "borg_unsupported"
	CodeUnsupported       = "unsupported" // this agent cannot run the kind
	CodePassphrase        = "passphrase_unavailable"
	CodeMachineChanged    = "machine_changed" // the agent's state was copied to another machine
	CodeInternal          = "internal"
	CodeCancelled         = "cancelled"
)

// Verdict is a job's final word. The agent writes it once.
type Verdict struct {
	Status            Status
	ExitCode          *int // nil: no borg ran, or its exit status is not known
	ErrorCode         string
	ErrorMessage      string // for a person; empty for completed
	StartedAt         time.Time
	EndedAt           time.Time
	Progress          Progress
	ArchiveName       string
	ArchiveID         string
	BorgID            string
	BorgVersion       string
	JournalEnd        uint64 // number of the last journal record; 0: none
	ProcessTerminated bool   // a borg was running when the job was cancelled, and is gone
	AlreadyExisted    bool   // init found a borg repository
}
