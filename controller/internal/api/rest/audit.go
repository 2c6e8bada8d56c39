package rest

// AuditEntry is something that was done or refused.
type AuditEntry struct {
	ID      int64   `json:"id"`
	At      *Time   `json:"at"`
	Who     *string `json:"who"`
	Via     *string `json:"via"`
	From    *string `json:"from"`
	What    string  `json:"what"`
	On      *string `json:"on"`
	Detail  *string `json:"detail"`
	Outcome string  `json:"outcome"`
	Code    *string `json:"code"`
	Count   int64   `json:"count"`
}

// AuditLog is a page of the audit log.
type AuditLog struct {
	Entries    []AuditEntry `json:"entries"`
	NextCursor *string      `json:"next_cursor"`
}
