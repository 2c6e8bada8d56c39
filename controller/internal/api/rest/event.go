package rest

// EventStreamType is the media type of server-sent events.
const EventStreamType = "text/event-stream"

// The names of events, of /api/events and of a log that is followed.
const (
	EventJob        = "job"        // data: Job
	EventAgent      = "agent"      // data: Agent
	EventRepository = "repository" // data: Repository
	EventRemoved    = "removed"    // data: Removed
	EventReset      = "reset"      // data: Reset
	EventLine       = "line"       // data: LogLine
	EventStatus     = "status"     // data: Job
	EventEnd        = "end"        // data: Job
)

// Removed names something that is not there any more; the other two are null.
type Removed struct {
	JobID        *int64  `json:"job_id"`
	AgentID      *string `json:"agent_id"`
	RepositoryID *int64  `json:"repository_id"`
}

// Reset says that changes were missed: what is known may be old, and what is
// gone may still be known.
type Reset struct {
	Reason string `json:"reason"`
}
