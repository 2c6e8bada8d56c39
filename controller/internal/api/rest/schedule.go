package rest

// ScheduleRequest makes a schedule, or changes the fields that are given. Spans
// are seconds.
type ScheduleRequest struct {
	Name           *string `json:"name,omitempty"`
	CronExpression *string `json:"cron_expression,omitempty"`
	Timezone       *string `json:"timezone,omitempty"` // empty: the host's own
	RepositoryIDs  []int64 `json:"repository_ids,omitempty"`
	Enabled        *bool   `json:"enabled,omitempty"`

	RunPruneAfter   *bool `json:"run_prune_after,omitempty"`
	RunCompactAfter *bool `json:"run_compact_after,omitempty"`
	RunCheckAfter   *bool `json:"run_check_after,omitempty"`
	Keep

	CheckDepth       *string `json:"check_depth,omitempty"`
	CheckMaxDuration *int64  `json:"check_max_duration,omitempty"`
	CheckEvery       *int64  `json:"check_every,omitempty"`

	Splay      *int64  `json:"splay,omitempty"`
	CatchUp    *int64  `json:"catch_up,omitempty"`
	Overlap    *string `json:"overlap,omitempty"`
	Retries    *int64  `json:"retries,omitempty"`
	RetryDelay *int64  `json:"retry_delay,omitempty"`
	PingURL    *string `json:"ping_url,omitempty"` // empty: none
}

// Keep is what the prune after a backup keeps.
type Keep struct {
	Hourly    *int64  `json:"prune_keep_hourly,omitempty"`
	Daily     *int64  `json:"prune_keep_daily,omitempty"`
	Weekly    *int64  `json:"prune_keep_weekly,omitempty"`
	Monthly   *int64  `json:"prune_keep_monthly,omitempty"`
	Quarterly *int64  `json:"prune_keep_quarterly,omitempty"`
	Yearly    *int64  `json:"prune_keep_yearly,omitempty"`
	Within    *string `json:"prune_keep_within,omitempty"`
}

// Schedule is when repositories are backed up, and what follows.
type Schedule struct {
	ID             int64   `json:"id"`
	Name           string  `json:"name"`
	CronExpression string  `json:"cron_expression"`
	Timezone       *string `json:"timezone"`      // null: each host's own
	RepositoryID   *int64  `json:"repository_id"` // null: none or several
	RepositoryIDs  []int64 `json:"repository_ids"`
	Enabled        bool    `json:"enabled"`

	RunPruneAfter   bool `json:"run_prune_after"`
	RunCompactAfter bool `json:"run_compact_after"`
	RunCheckAfter   bool `json:"run_check_after"`

	KeepHourly    int64   `json:"prune_keep_hourly"`
	KeepDaily     int64   `json:"prune_keep_daily"`
	KeepWeekly    int64   `json:"prune_keep_weekly"`
	KeepMonthly   int64   `json:"prune_keep_monthly"`
	KeepQuarterly int64   `json:"prune_keep_quarterly"`
	KeepYearly    int64   `json:"prune_keep_yearly"`
	KeepWithin    *string `json:"prune_keep_within"`

	CheckDepth       *string `json:"check_depth"` // null: repository and archives
	CheckMaxDuration int64   `json:"check_max_duration"`
	CheckEvery       int64   `json:"check_every"`

	Splay      int64   `json:"splay"`
	CatchUp    int64   `json:"catch_up"`
	Overlap    string  `json:"overlap"`
	Retries    int64   `json:"retries"`
	RetryDelay int64   `json:"retry_delay"`
	PingTarget *string `json:"ping_target"` // its host; null: no URL is called

	CreatedAt    *Time         `json:"created_at"`
	CreatedBy    *string       `json:"created_by"`
	NextRun      *Time         `json:"next_run"`
	Repositories []ScheduledAt `json:"repositories"`
}

// ScheduledAt is how a schedule stands for one repository.
type ScheduledAt struct {
	RepositoryID int64   `json:"repository_id"`
	Name         string  `json:"name"`
	Path         string  `json:"path"`
	Agent        string  `json:"agent"`
	AgentID      string  `json:"agent_id"`
	Timezone     *string `json:"timezone"` // null: the host's, which is not known
	NextRun      *Time   `json:"next_run"`
	LastRun      *Time   `json:"last_run"`
	LastJobID    *int64  `json:"last_job_id"`
	LastStatus   *string `json:"last_status"`

	LastMaintenanceStatus *string `json:"last_maintenance_status"`

	Missed       []Missed `json:"missed"` // oldest first
	OverdueSince *Time    `json:"overdue_since"`
	Problem      *string  `json:"problem"`
}

// Missed are runs that were due and were not made.
type Missed struct {
	First  *Time  `json:"first"`
	Last   *Time  `json:"last"`
	Count  int64  `json:"count"`
	Reason string `json:"reason"`
}

// ScheduleList is all schedules.
type ScheduleList struct {
	Schedules []Schedule `json:"schedules"`
}

// ScheduleStarted answers a schedule that is run at once.
type ScheduleStarted struct {
	JobID   *int64  `json:"job_id,omitempty"` // of the only one
	JobIDs  []int64 `json:"job_ids"`
	Status  string  `json:"status"`
	Message string  `json:"message"`
}

// NextRuns are times at which a schedule is due.
type NextRuns struct {
	NextRuns []NextRun `json:"next_runs"`
	Unknown  []string  `json:"unknown"` // repositories whose host's time zone is not known
}

// NextRun is one of them.
type NextRun struct {
	At           *Time  `json:"at"`
	RepositoryID int64  `json:"repository_id"`
	Name         string `json:"name"`
	Agent        string `json:"agent"`
}

// CronRequest asks about an expression.
type CronRequest struct {
	CronExpression string `json:"cron_expression"`
	Timezone       string `json:"timezone,omitempty"` // empty: UTC
}

// CronTimes are the next times of an expression.
type CronTimes struct {
	CronExpression string  `json:"cron_expression"`
	Timezone       string  `json:"timezone"`
	NextRuns       []*Time `json:"next_runs"`
}
