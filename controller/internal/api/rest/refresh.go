package rest

// Refresh is what came of having the host look again. Unless Done the answer
// beside it is what was known before.
type Refresh struct {
	JobID        int64   `json:"job_id"`
	Status       string  `json:"status"`
	Done         bool    `json:"done"`
	AgentOnline  bool    `json:"agent_online"`
	WaitingFor   *string `json:"waiting_for"`
	ErrorMessage *string `json:"error_message"`
}
