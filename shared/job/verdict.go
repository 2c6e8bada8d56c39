package job

import "time"

// Error codes that borgfleet itself gives. Those that come from borg's msgids
// are in the agent's borg package. Codes are stable: scripts compare them.
const (
	CodeLost              = "lost"               // the agent came back without the job, or never
	CodeInterrupted       = "interrupted"        // job process and borg died; no archive was made
	CodeHostShutdown      = "host_shutdown"      // its job process was told to end, as at a shutdown of the host
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
	CodeMachineChanged    = "machine_changed"       // the agent's state was copied to another machine
	CodeDestination       = "destination_unusable"  // a restore cannot be written there
	CodeNotEmpty          = "destination_not_empty" // something is there already, which borg would replace without a word
	CodeDestinationFull   = "destination_full"      // the disk that was restored to has no space left
	CodePathsNotFound     = "paths_not_found"       // the archive has none of the paths that were asked for
	CodeNotAFolder        = "not_a_folder"          // what was to be listed is no folder
	CodeNothingRestored   = "nothing_restored"      // every single file failed
	CodeArchivesVanished  = "archives_vanished"     // a compact would make it final that archives are gone
	CodeNotToldArchives   = "archives_not_told"     // a compact without the controller's word on which archives there must be
	CodeMaintainedElse    = "maintained_elsewhere"  // another agent prunes, compacts and checks the repository
	CodeListIncomplete    = "list_incomplete"       // entries were lost or had no room, so the list would be half a list
	CodeHookFailed        = "hook_failed"           // a hook did; of a good end: one that ran after it
	CodeHookUnusable      = "hook_unusable"         // a hook that is named is missing, or others could change it
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
	Encryption        string // the repository's mode, as borg names it; empty: not told
	AccountDirs       bool   // init found a repository that the account's own borg directories know
	// Undisturbed: nobody else has changed the repository since this agent last
	// looked at its archives, so what is known of them is still all there is.
	Undisturbed  bool
	LastModified time.Time // of the repository, as borg says

	ArchivesDeleted *int64    // of a prune; nil: not known
	BytesFreed      *int64    // of a compact, about; nil: borg did not say
	Recovery        *Recovery // for the recovery key; nil: nothing was sealed
}

// Agrees says whether both tell the same outcome. What only some versions tell
// is left out: an older controller has stored a verdict without it.
func (v Verdict) Agrees(o Verdict) bool {
	return v.Status == o.Status && v.ErrorCode == o.ErrorCode && sameCode(v.ExitCode, o.ExitCode) &&
		v.StartedAt.Equal(o.StartedAt) && v.EndedAt.Equal(o.EndedAt) &&
		v.ArchiveName == o.ArchiveName && v.ArchiveID == o.ArchiveID && v.JournalEnd == o.JournalEnd
}

func sameCode(a, b *int) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
