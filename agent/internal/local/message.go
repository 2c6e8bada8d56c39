package local

import "time"

// Status is how the agent stands.
type Status struct {
	Name          string `json:"name"`
	AgentID       string `json:"agent_id"`
	FleetID       string `json:"fleet_id"`
	ControllerURL string `json:"controller_url"`
	Version       string `json:"version"`
	StateDir      string `json:"state_dir"`

	Connected         bool       `json:"connected"`
	DisconnectedSince *time.Time `json:"disconnected_since"` // null while connected
	NotConnected      string     `json:"not_connected"`      // why; empty while connected

	CertificateExpires *time.Time   `json:"certificate_expires_at"`
	Borg               []Borg       `json:"borg"`
	Draining           bool         `json:"draining"` // no new jobs are taken
	Running            int          `json:"running"`
	Waiting            int          `json:"waiting"`
	Unreadable         int          `json:"unreadable"` // jobs that are here and cannot be read
	Repositories       []Repository `json:"repositories"`

	Timezone  string     `json:"timezone"` // the host's own; empty: its name is not known
	Schedules []Schedule `json:"schedules"`

	RecoveryKey      string `json:"recovery_key"`       // that this host seals to; empty: none was accepted; none: none is wanted
	FleetRecoveryKey string `json:"fleet_recovery_key"` // that the controller names; empty: it has not yet
}

// Borg is a borg on this host.
type Borg struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Problem string `json:"problem"` // why it cannot be used
}

// Repository is one that the controller told this host of.
type Repository struct {
	ID      int64    `json:"id"`
	Name    string   `json:"name"`
	Path    string   `json:"path"`
	Sources []string `json:"source_directories"`
}

// Schedule is when this host backs a repository up.
type Schedule struct {
	ID         int64      `json:"id"`
	Name       string     `json:"name"`
	Repository string     `json:"repository_name"`
	Cron       string     `json:"cron_expression"`
	Paused     bool       `json:"paused"`
	Next       *time.Time `json:"next_run"`
	Missed     []Missed   `json:"missed"`  // oldest first
	Problem    string     `json:"problem"` // why this host cannot go by it; empty: it does
}

// Missed are runs that were due and were not made.
type Missed struct {
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Count  int       `json:"count"`
	Reason string    `json:"reason"`
}

// Job is a job that is on this host.
type Job struct {
	ID           int64      `json:"id"` // 0: the controller has not given one yet
	Key          string     `json:"key"`
	Kind         string     `json:"kind"`
	Repository   string     `json:"repository"` // as registered
	Name         string     `json:"repository_name"`
	Status       string     `json:"status"`
	Phase        string     `json:"phase"`       // what it does now, as borg calls it
	WaitingFor   string     `json:"waiting_for"` // of a pending job
	Cancelling   bool       `json:"cancel_requested"`
	Progress     Progress   `json:"progress"`
	TriggeredBy  string     `json:"triggered_by"`
	RequestedBy  string     `json:"requested_by"`
	CreatedAt    time.Time  `json:"created_at"`
	StartedAt    *time.Time `json:"started_at"`
	EndedAt      *time.Time `json:"completed_at"`
	ErrorCode    string     `json:"error_code"`
	ErrorMessage string     `json:"error_message"`
	ExitCode     *int       `json:"exit_code"`
	ArchiveName  string     `json:"archive_name"`
	Destination  string     `json:"destination"` // of a restore
	BorgVersion  string     `json:"borg_version"`
	PhasePercent float64    `json:"phase_percent"`    // of the phase, not of the job
	Deleted      *int64     `json:"archives_deleted"` // of a prune
	Freed        *int64     `json:"bytes_freed"`      // of a compact
	Replicated   bool       `json:"replicated"`       // the controller has all of it
}

// Progress is what a job has done.
type Progress struct {
	Percent       float64 `json:"percent"`
	OriginalSize  int64   `json:"original_size"`
	Compressed    int64   `json:"compressed_size"`
	Deduplicated  int64   `json:"deduplicated_size"`
	Files         int64   `json:"nfiles"`
	CurrentFile   string  `json:"current_file"`
	Speed         float64 `json:"backup_speed"` // MB/s
	Expected      int64   `json:"total_expected_size"`
	ExpectedFrom  string  `json:"total_expected_source"`
	SecondsToGoal int64   `json:"estimated_time_remaining"`
}

// Line is one line of a job's log.
type Line struct {
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
	Level  string    `json:"level"`
	Source string    `json:"source"`
	Text   string    `json:"text"`
}

// Event is one message of a log stream: a line, or the job as it is now. The
// last event has End set; a stream without one was cut.
type Event struct {
	Line *Line `json:"line,omitempty"`
	Job  *Job  `json:"job,omitempty"`
	End  bool  `json:"end,omitempty"`
}

// jobList answers a list of jobs.
type jobList struct {
	Jobs []Job `json:"jobs"`
}

// start asks for a backup.
type start struct {
	Repository string `json:"repository"`
}

// Maintenance asks for a prune, compact, check or break-lock.
type Maintenance struct {
	Repository  string `json:"repository"`
	Kind        string `json:"kind"`
	Keep        *Keep  `json:"keep"` // of a prune; null: the repository's retention
	DryRun      bool   `json:"dry_run"`
	MaxDuration int64  `json:"max_duration"` // of a check, in seconds; 0: everything
	Depth       string `json:"depth"`        // of a check; empty: repository and archives
}

// Keep is a job.Keep.
type Keep struct {
	Hourly    int64  `json:"keep_hourly"`
	Daily     int64  `json:"keep_daily"`
	Weekly    int64  `json:"keep_weekly"`
	Monthly   int64  `json:"keep_monthly"`
	Quarterly int64  `json:"keep_quarterly"`
	Yearly    int64  `json:"keep_yearly"`
	Within    string `json:"keep_within"`
}

// Restore asks for a restore. Paths are as in the archive.
type Restore struct {
	Repository  string   `json:"repository"`
	Archive     string   `json:"archive"`
	Paths       [][]byte `json:"paths"` // any bytes; none: everything
	Destination string   `json:"destination"`
}
