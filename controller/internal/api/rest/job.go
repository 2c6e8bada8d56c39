package rest

// Job is a backup job, or one of another kind, as the list shows it.
type Job struct {
	JobCore
	HasLogs bool `json:"has_logs"`
}

// JobStatus is one job by itself: the log in place of the word on whether
// there is one.
type JobStatus struct {
	JobCore
	Logs     *string `json:"logs"`      // the last lines, once the job has ended
	NextStep *string `json:"next_step"` // what to do about its end, for a person
}

// JobCore is what Job and JobStatus share.
type JobCore struct {
	// The documented fields.
	ID                int64           `json:"id"`
	Repository        string          `json:"repository"`
	Status            string          `json:"status"`
	StartedAt         *Time           `json:"started_at"`
	CompletedAt       *Time           `json:"completed_at"`
	Progress          int             `json:"progress"`
	ErrorMessage      *string         `json:"error_message"`
	MaintenanceStatus *string         `json:"maintenance_status"`
	ScheduledJobID    *int64          `json:"scheduled_job_id"`
	ProgressDetails   ProgressDetails `json:"progress_details"`

	// Ours.
	Kind            string   `json:"kind"`
	Agent           string   `json:"agent"`
	AgentOnline     bool     `json:"agent_online"`
	LastContactAt   *Time    `json:"last_contact_at"`
	CreatedAt       *Time    `json:"created_at"`
	DurationSeconds *float64 `json:"duration_seconds"`
	WaitingFor      *string  `json:"waiting_for"`
	CancelRequested bool     `json:"cancel_requested"`
	Phase           *string  `json:"phase"`
	PhasePercent    *float64 `json:"phase_percent"`
	ArchiveName     *string  `json:"archive_name"`
	TriggeredBy     string   `json:"triggered_by"`
	ParentID        *int64   `json:"parent_id"`
	ErrorCode       *string  `json:"error_code"`
	ExitCode        *int     `json:"exit_code"`
	BorgVersion     *string  `json:"borg_version"`
	LogComplete     bool     `json:"log_complete"`
	ArchivesDeleted *int64   `json:"archives_deleted"` // of a prune
	BytesFreed      *int64   `json:"bytes_freed"`      // of a compact
}

// ProgressDetails are a job's figures.
type ProgressDetails struct {
	OriginalSize           int64   `json:"original_size"`
	CompressedSize         int64   `json:"compressed_size"`
	DeduplicatedSize       int64   `json:"deduplicated_size"`
	NFiles                 int64   `json:"nfiles"`
	CurrentFile            string  `json:"current_file"`
	ProgressPercent        float64 `json:"progress_percent"`
	BackupSpeed            float64 `json:"backup_speed"` // MB/s
	TotalExpectedSize      int64   `json:"total_expected_size"`
	EstimatedTimeRemaining int64   `json:"estimated_time_remaining"` // seconds
	TotalExpectedSource    string  `json:"total_expected_source"`
}

// JobList is one page of jobs.
type JobList struct {
	Jobs       []Job   `json:"jobs"`
	NextCursor *string `json:"next_cursor"`
}

// Start asks for a backup.
type Start struct {
	Repository string `json:"repository"`
	Agent      string `json:"agent,omitempty"`
}

// Started answers Start.
type Started struct {
	JobID   int64  `json:"job_id"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// Cancelled answers a cancel.
type Cancelled struct {
	Message           string `json:"message"`
	ProcessTerminated bool   `json:"process_terminated"`
}

// LogPage is a part of a job's log.
type LogPage struct {
	JobID      int64     `json:"job_id"`
	Status     string    `json:"status"`
	Lines      []LogLine `json:"lines"`
	TotalLines uint64    `json:"total_lines"`
	HasMore    bool      `json:"has_more"`
}

// LogLine is one line; its content may have several rows.
type LogLine struct {
	LineNumber uint64 `json:"line_number"`
	Content    string `json:"content"`
}
