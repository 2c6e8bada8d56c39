package rest

import "time"

// The paths for root on the controller's host. They are served on the admin
// socket only and are no part of the API.
const (
	CarePrefix      = "/db/"
	BackupPath      = CarePrefix + "backup"
	StatsPath       = CarePrefix + "stats"
	DifferencesPath = CarePrefix + "differences"
	SettlePath      = CarePrefix + "settle"
	AdmitPath       = CarePrefix + "admit"
)

// BackupRequest says who can open the certificate authority in a backup. With
// neither, it is left out.
type BackupRequest struct {
	Recipient  string `json:"recipient,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
}

// StoreStats says what is in the store, and how much room it takes.
type StoreStats struct {
	Jobs         int64     `json:"jobs"`
	Agents       int64     `json:"agents"`
	Repositories int64     `json:"repositories"`
	HighestJob   int64     `json:"highest_job"`
	LogBytes     int64     `json:"log_bytes"`
	Others       int64     `json:"others"`
	DiskBytes    int64     `json:"disk_bytes"`
	OldestJob    time.Time `json:"oldest_job,omitzero"`
	NewestJob    time.Time `json:"newest_job,omitzero"`
	RestoredFrom time.Time `json:"restored_from,omitzero"` // when the backup was taken
	RestoredAt   time.Time `json:"restored_at,omitzero"`

	AuditEntries     int64          `json:"audit_entries"`
	OldestAuditEntry time.Time      `json:"oldest_audit_entry,omitzero"`
	OldestLog        time.Time      `json:"oldest_log,omitzero"`
	Removed          int64          `json:"removed_bytes"` // and not given back to the disk yet
	Retention        StoreRetention `json:"retention"`
}

// StoreRetention is what is kept, and what was done for that. Zero is for ever, and no
// limit.
type StoreRetention struct {
	Logs     int64     `json:"log_seconds"`
	LogBytes int64     `json:"log_bytes"`
	History  int64     `json:"history_seconds"`
	Jobs     int64     `json:"history_jobs"`
	Audit    int64     `json:"audit_seconds"`
	NextAt   time.Time `json:"next_at"`
	Last     Sweep     `json:"last"` // since the controller was started
}

// Sweep is what was removed at one time.
type Sweep struct {
	BeganAt      time.Time `json:"began_at,omitzero"` // left out: there was none
	EndedAt      time.Time `json:"ended_at,omitzero"` // left out: it goes on
	Logs         int64     `json:"logs"`
	LogBytes     int64     `json:"log_bytes"`
	Jobs         int64     `json:"jobs"`
	AuditEntries int64     `json:"audit_entries"`
	Packed       bool      `json:"packed"` // the disk was given back
	Problem      string    `json:"problem,omitempty"`
}

// DifferenceList is what agents hold otherwise than the store.
type DifferenceList struct {
	Differences []Difference `json:"differences"`
}

// Difference is a repository that an agent keeps since the store was restored.
type Difference struct {
	AgentID    string      `json:"agent_id"`
	Agent      string      `json:"agent"`
	Repository int64       `json:"repository"`
	Host       Definition  `json:"host"`
	Controller *Definition `json:"controller"` // null: it is not known here
	Settled    bool        `json:"settled"`    // decided; the host has not confirmed it yet
}

// Definition is what a person compares of a repository's definition.
type Definition struct {
	Name             string   `json:"name"`
	Path             string   `json:"path"`
	Encryption       string   `json:"encryption"`
	Compression      string   `json:"compression"`
	Sources          []string `json:"sources"`
	Excludes         []string `json:"excludes"`
	PassphraseSealed string   `json:"passphrase_sealed,omitempty"` // tells one seal from another
	Schedules        []string `json:"schedules"`
}

// SettleRequest decides about a difference.
type SettleRequest struct {
	Agent      string `json:"agent"`
	Repository int64  `json:"repository"`
	Take       bool   `json:"take"` // the host's definition counts, else the controller's
}

// AdmitRequest lets an agent back in that a restored store has lost.
type AdmitRequest struct {
	Agent string `json:"agent"`
}
