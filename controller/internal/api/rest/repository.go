package rest

// RepositoryRequest registers a repository. Fields at their zero value are
// left to the controller's defaults.
type RepositoryRequest struct {
	Name               string   `json:"name"`
	Path               string   `json:"path"`
	Agent              string   `json:"agent,omitempty"`      // id or name
	Encryption         string   `json:"encryption,omitempty"` // may be left out of an import
	Passphrase         string   `json:"passphrase,omitempty"`
	PassphraseSealed   []byte   `json:"passphrase_sealed,omitempty"` // age, to the agent's recipient
	Compression        string   `json:"compression,omitempty"`
	SourceDirectories  []string `json:"source_directories"`
	ExcludePatterns    []string `json:"exclude_patterns,omitempty"`
	OneFileSystem      bool     `json:"one_file_system,omitempty"`
	ExcludeCaches      bool     `json:"exclude_caches,omitempty"`
	ExcludeIfPresent   []string `json:"exclude_if_present,omitempty"`
	UploadRatelimit    int64    `json:"upload_ratelimit,omitempty"`    // KiB/s
	CheckpointInterval int64    `json:"checkpoint_interval,omitempty"` // seconds
	LockWait           int64    `json:"lock_wait,omitempty"`           // seconds
	FileLog            string   `json:"file_log,omitempty"`
	ArchiveNameFormat  string   `json:"archive_name_format,omitempty"`
	MatchArchives      string   `json:"match_archives,omitempty"`

	Retention *Retention `json:"retention,omitempty"`
	Hooks     *Hooks     `json:"hooks,omitempty"`
}

// Retention is what a prune of a repository keeps that is not told anything else.
type Retention struct {
	Hourly    int64   `json:"keep_hourly"`
	Daily     int64   `json:"keep_daily"`
	Weekly    int64   `json:"keep_weekly"`
	Monthly   int64   `json:"keep_monthly"`
	Quarterly int64   `json:"keep_quarterly"`
	Yearly    int64   `json:"keep_yearly"`
	Within    *string `json:"keep_within"`
}

// Repository is a registered repository. Whether it has a passphrase is told,
// never which.
type Repository struct {
	ID                 int64    `json:"id"`
	Name               string   `json:"name"`
	Path               string   `json:"path"`
	Agent              string   `json:"agent"` // name
	AgentID            string   `json:"agent_id"`
	Maintainer         *string  `json:"maintainer"` // name of the agent that prunes, compacts and checks it
	Status             string   `json:"status"`
	AlreadyExisted     bool     `json:"already_existed"`
	ErrorCode          *string  `json:"error_code"`
	ErrorMessage       *string  `json:"error_message"`
	CreatedAt          *Time    `json:"created_at"`
	InitJobID          *int64   `json:"init_job_id"`
	BorgID             *string  `json:"borg_id"`
	Encryption         *string  `json:"encryption"`
	HasPassphrase      bool     `json:"has_passphrase"`
	Compression        *string  `json:"compression"`
	SourceDirectories  []string `json:"source_directories"`
	ExcludePatterns    []string `json:"exclude_patterns"`
	OneFileSystem      bool     `json:"one_file_system"`
	ExcludeCaches      bool     `json:"exclude_caches"`
	ExcludeIfPresent   []string `json:"exclude_if_present"`
	UploadRatelimit    int64    `json:"upload_ratelimit"`
	CheckpointInterval int64    `json:"checkpoint_interval"`
	LockWait           int64    `json:"lock_wait"`
	FileLog            string   `json:"file_log"`
	ArchiveNameFormat  string   `json:"archive_name_format"`
	MatchArchives      string   `json:"match_archives"`
	Hooks              Hooks    `json:"hooks"`
	AccountDirectories bool     `json:"account_directories"`
	Imported           bool     `json:"imported"`
	Archives           *int64   `json:"archives"`
	ArchivesUnmatched  *int64   `json:"archives_unmatched"`
	ArchivesVanished   *int64   `json:"archives_vanished"`
	CatalogueAsOf      *Time    `json:"catalogue_as_of"`

	Recovery        *RepositoryRecovery `json:"recovery"`
	PassphraseJobID *int64              `json:"passphrase_job_id"` // tries a new passphrase
	Retention       *Retention          `json:"retention"`         // null: none
}

// RepositoryRecovery tells of the newest copy of what opens a repository when
// its host is gone.
type RepositoryRecovery struct {
	SealedAt    *Time  `json:"sealed_at"`
	Fingerprint string `json:"fingerprint"` // of the recovery key that it is sealed to
	Current     bool   `json:"current"`     // that is the fleet's
	Key         bool   `json:"key"`         // borg's key is in it
	Passphrase  bool   `json:"passphrase"`  // the passphrase is in it
}

// Recovery is what the recovery key opens of a repository.
type Recovery struct {
	RepositoryID     int64          `json:"repository_id"`
	Name             string         `json:"name"`
	Path             string         `json:"path"`
	AgentID          string         `json:"agent_id"`
	Agent            string         `json:"agent"`
	Encryption       *string        `json:"encryption"`
	BorgID           *string        `json:"borg_id"`
	PassphraseSealed []byte         `json:"passphrase_sealed"`
	Copies           []RecoveryCopy `json:"copies"` // the order in which they came
}

// RecoveryCopy is one copy. The fleet cannot read it.
type RecoveryCopy struct {
	Recipient  string `json:"recipient"`
	SealedAt   *Time  `json:"sealed_at"`
	Key        bool   `json:"key"`
	Passphrase bool   `json:"passphrase"`
	Sealed     []byte `json:"sealed"`
}

// RepositoryList is every registered repository.
type RepositoryList struct {
	Repositories []Repository `json:"repositories"`
}

// RunningJobs are a repository's jobs that have not ended.
type RunningJobs struct {
	HasRunningJobs bool  `json:"has_running_jobs"`
	Jobs           []Job `json:"jobs"`
}
