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
	AgeSeconds    *int64  `json:"age_seconds"` // of the newest good backup
	ExpectedAt    *Time   `json:"expected_at"`
	NextRun       *Time   `json:"next_run"`
	Stale         bool    `json:"stale"`
	Why           *string `json:"why"`
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
