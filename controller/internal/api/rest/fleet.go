package rest

// Host is how well one repository of a host is backed up.
type Host struct {
	RepositoryID  int64   `json:"repository_id"`
	Name          string  `json:"name"`
	Path          string  `json:"path"`
	Agent         string  `json:"agent"`
	AgentID       string  `json:"agent_id"`
	AgentOnline   bool    `json:"agent_online"`
	LastContactAt *Time   `json:"last_contact_at"`
	Scheduled     bool    `json:"scheduled"`
	Paused        bool    `json:"paused"`
	LastJobID     *int64  `json:"last_job_id"`
	LastStatus    *string `json:"last_status"`
	LastAt        *Time   `json:"last_at"`
	LastGoodJobID *int64  `json:"last_good_job_id"`
	LastGoodAt    *Time   `json:"last_good_at"`
	LastGoodSize  *int64  `json:"last_good_size"` // bytes that it read
	AgeSeconds    *int64  `json:"age_seconds"`    // of the newest good backup
	ExpectedAt    *Time   `json:"expected_at"`
	NextRun       *Time   `json:"next_run"`
	Stale         bool    `json:"stale"`
	Why           *string `json:"why"`
	Shrunk        *Shrunk `json:"shrunk"`
}

// Shrunk is a newest good backup of less than half of the last normal size.
type Shrunk struct {
	Size        int64 `json:"size"`
	NormalSize  int64 `json:"normal_size"`
	NormalJobID int64 `json:"normal_job_id"` // whose size that is
	NormalAt    *Time `json:"normal_at"`     // when that was made, or due
}

// AcceptedSize is a size that is normal from now on.
type AcceptedSize struct {
	JobID      int64 `json:"job_id"`
	Size       int64 `json:"size"`
	SizeBefore int64 `json:"size_before"` // what was normal before
}

// HostList is all of them that were asked for.
type HostList struct {
	Hosts []Host `json:"hosts"`
}

// Summary is the whole fleet in a few figures.
type Summary struct {
	Agents       SummaryAgents       `json:"agents"`
	Repositories SummaryRepositories `json:"repositories"`
	Jobs         SummaryJobs         `json:"jobs"`
	Backups      []SummarySpan       `json:"backups"`
	Days         []TrendDay          `json:"days"` // the backups of the last ones
	NextRuns     []NextRun           `json:"next_runs"`
}

// SummaryAgents counts agents; those that were revoked are not among them.
type SummaryAgents struct {
	Total  int64 `json:"total"`
	Online int64 `json:"online"`
}

// SummaryRepositories counts what is backed up.
type SummaryRepositories struct {
	Total       int64 `json:"total"`
	Stale       int64 `json:"stale"`
	Unscheduled int64 `json:"unscheduled"`
	Shrunk      int64 `json:"shrunk"`
}

// SummaryJobs counts what has not ended.
type SummaryJobs struct {
	Running int64 `json:"running"`
	Waiting int64 `json:"waiting"`
}

// SummarySpan sums up the backups of the last hours.
type SummarySpan struct {
	Hours                 int64 `json:"hours"`
	Jobs                  int64 `json:"jobs"`
	Pending               int64 `json:"pending"`
	Running               int64 `json:"running"`
	Completed             int64 `json:"completed"`
	CompletedWithWarnings int64 `json:"completed_with_warnings"`
	Failed                int64 `json:"failed"`
	Cancelled             int64 `json:"cancelled"`
	OriginalSize          int64 `json:"original_size"`
	DeduplicatedSize      int64 `json:"deduplicated_size"`
}
