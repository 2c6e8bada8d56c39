package rest

// Trends is what jobs came to by day, oldest day first.
type Trends struct {
	Days  []TrendDay `json:"days"`
	Total Trend      `json:"total"`
}

// TrendDay is one day in UTC.
type TrendDay struct {
	Date string `json:"date"` // 2024-01-15
	Trend
}

// Trend is what some jobs came to.
type Trend struct {
	Jobs                  int64    `json:"jobs"`
	Pending               int64    `json:"pending"`
	Running               int64    `json:"running"`
	Completed             int64    `json:"completed"`
	CompletedWithWarnings int64    `json:"completed_with_warnings"`
	Failed                int64    `json:"failed"`
	Cancelled             int64    `json:"cancelled"`
	SuccessRate           *float64 `json:"success_rate"` // null: none ended well, and none failed
	OriginalSize          int64    `json:"original_size"`
	DeduplicatedSize      int64    `json:"deduplicated_size"`
	TimedJobs             int64    `json:"timed_jobs"` // of which it is known how long they took
	DurationSeconds       *int64   `json:"duration_seconds"`
	MeanDurationSeconds   *float64 `json:"mean_duration_seconds"`
}
