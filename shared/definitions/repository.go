package definitions

import (
	"path"
	"strings"

	"borgfleet/shared/job"
)

// Repository defines a repository, or one for each of several hosts. What is left
// out is as REST has it where nothing is said.
type Repository struct {
	Name  string `yaml:"name"`
	Path  string `yaml:"path"`
	Agent string `yaml:"agent,omitempty"`
	For   *For   `yaml:"for,omitempty,flow"`
	// Shared: several hosts write into one borg repository, and that is meant.
	Shared bool `yaml:"shared,omitempty"`
	// Existing: the borg repository is there, and the host has used it by itself. It
	// is taken over with the keys and caches of the agent's account (REST's import).
	Existing   bool    `yaml:"existing,omitempty"`
	Encryption string  `yaml:"encryption,omitempty"`
	Passphrase *Secret `yaml:"passphrase,omitempty,flow"`
	// Maintainer is the host that prunes, compacts and checks it; empty: as it is.
	Maintainer string `yaml:"maintainer,omitempty"`

	Compression        string   `yaml:"compression,omitempty"`
	SourceDirectories  []string `yaml:"source_directories,omitempty"`
	ExcludePatterns    []string `yaml:"exclude_patterns,omitempty"`
	OneFileSystem      bool     `yaml:"one_file_system,omitempty"`
	ExcludeCaches      bool     `yaml:"exclude_caches,omitempty"`
	ExcludeIfPresent   []string `yaml:"exclude_if_present,omitempty"`
	ArchiveNameFormat  string   `yaml:"archive_name_format,omitempty"`
	MatchArchives      string   `yaml:"match_archives,omitempty"`
	UploadRatelimit    int64    `yaml:"upload_ratelimit,omitempty"` // KiB/s
	CheckpointInterval Seconds  `yaml:"checkpoint_interval,omitempty"`
	LockWait           Seconds  `yaml:"lock_wait,omitempty"`
	FileLog            string   `yaml:"file_log,omitempty"`

	Retention *Retention `yaml:"retention,omitempty,flow"`
	Hooks     *Hooks     `yaml:"hooks,omitempty"`
}

// Retention is what a prune keeps.
type Retention struct {
	KeepHourly    int64  `yaml:"keep_hourly,omitempty" json:"keep_hourly,omitempty"`
	KeepDaily     int64  `yaml:"keep_daily,omitempty" json:"keep_daily,omitempty"`
	KeepWeekly    int64  `yaml:"keep_weekly,omitempty" json:"keep_weekly,omitempty"`
	KeepMonthly   int64  `yaml:"keep_monthly,omitempty" json:"keep_monthly,omitempty"`
	KeepQuarterly int64  `yaml:"keep_quarterly,omitempty" json:"keep_quarterly,omitempty"`
	KeepYearly    int64  `yaml:"keep_yearly,omitempty" json:"keep_yearly,omitempty"`
	KeepWithin    string `yaml:"keep_within,omitempty" json:"keep_within,omitempty"`
}

// Keep is the same for the rules of a prune.
func (r Retention) Keep() job.Keep {
	return job.Keep{
		Hourly: r.KeepHourly, Daily: r.KeepDaily, Weekly: r.KeepWeekly, Monthly: r.KeepMonthly,
		Quarterly: r.KeepQuarterly, Yearly: r.KeepYearly, Within: r.KeepWithin,
	}
}

// Hooks are scripts of the host, by their base names.
type Hooks struct {
	Before    []string `yaml:"before,omitempty" json:"before,omitempty"`
	After     []string `yaml:"after,omitempty" json:"after,omitempty"`
	OnWarning []string `yaml:"on_warning,omitempty" json:"on_warning,omitempty"`
	OnFailure []string `yaml:"on_failure,omitempty" json:"on_failure,omitempty"`
	Always    []string `yaml:"always,omitempty" json:"always,omitempty"`
}

func (r Repository) check(bad *problems, at place) {
	// The longest of its names is known when its host is.
	checkName(bad, at, strings.ReplaceAll(r.Name, agentWord, "x"))
	r.checkPath(bad, at)
	r.checkHosts(bad, at)
	r.checkSecret(bad, at)
	if len(r.SourceDirectories) == 0 && !r.Existing {
		bad.add(at, "source_directories is missing: name at least one directory to back up")
	}
	for i, s := range r.SourceDirectories {
		if !strings.HasPrefix(s, "/") || path.Clean(s) != s {
			bad.add(at.of("source_directories", i), "%q must be an absolute path, without //, /./, /../ and without / at its end", s)
		}
	}
	if r.Compression != "" {
		if err := job.CheckCompression(r.Compression); err != nil {
			bad.add(at.of("compression"), "%v", err)
		}
	}
	if f := job.FileLog(r.FileLog); f != "" && f != job.FileLogNone && f != job.FileLogChanged && f != job.FileLogAll {
		bad.add(at.of("file_log"), "it must be one of none, changed, all")
	}
	if r.UploadRatelimit < 0 {
		bad.add(at.of("upload_ratelimit"), "it must not be negative")
	}
	if r.Retention != nil {
		if err := r.Retention.Keep().Check(); err != nil {
			bad.add(at.of("retention"), "%v", err)
		}
	}
	if r.Hooks != nil {
		r.Hooks.check(bad, at.of("hooks"))
	}
}

func (r Repository) checkPath(bad *problems, at place) {
	switch {
	case r.Path == "":
		bad.add(at, "the path is missing")
	case !strings.HasPrefix(r.Path, "/") && !strings.HasPrefix(r.Path, "ssh://"):
		bad.add(at.of("path"), "it must be an absolute path, or a URL such as ssh://user@host:22/path")
	case strings.ContainsAny(strings.ReplaceAll(r.Path, agentWord, ""), "{}"):
		bad.add(at.of("path"), "it may have %s in braces, and nothing else", agentWord)
	}
}

func (r Repository) checkSecret(bad *problems, at place) {
	switch {
	case r.Encryption == "" && !r.Existing:
		bad.add(at, "encryption is missing: repokey-blake2 is a good choice, or say existing: true of a repository that is there")
	case r.Encryption != "":
		if err := job.CheckEncryption(r.Encryption); err != nil {
			bad.add(at.of("encryption"), "%v", err)
			return
		}
	}
	if r.Passphrase != nil {
		r.Passphrase.check(bad, at.of("passphrase"), "passphrase")
		if r.Encryption == "none" {
			bad.add(at.of("passphrase"), "a repository with encryption none has no passphrase")
		}
		return
	}
	if !r.Existing && job.NeedsPassphrase(r.Encryption) {
		bad.add(at, "encryption %s needs a passphrase: give passphrase: {file: PATH} or {env: NAME}; where the host has it, and the repository is there, say existing: true", r.Encryption)
	}
}

// checkShared: hosts that write into one borg repository must tell their archives
// apart, or each prunes those of the others.
func (r Repository) checkShared(bad *problems, at place) {
	for key, value := range map[string]string{"archive_name_format": r.ArchiveNameFormat, "match_archives": r.MatchArchives} {
		if value != "" && !strings.Contains(value, agentWord) {
			bad.add(at.of(key), "hosts that share a repository tell their archives apart by %s, which is missing here", agentWord)
		}
	}
}

// at are the hooks of each time, by its name.
func (h Hooks) at() map[string][]string {
	return map[string][]string{"before": h.Before, "after": h.After, "on_warning": h.OnWarning, "on_failure": h.OnFailure, "always": h.Always}
}

func (h Hooks) check(bad *problems, at place) {
	for when, names := range h.at() {
		if len(names) > job.MostHooks {
			bad.add(at.of(when), "it names %d hooks; at most %d are taken", len(names), job.MostHooks)
		}
		for i, name := range names {
			if err := job.CheckHookName(name); err != nil {
				bad.add(at.of(when, i), "%v", err)
			}
		}
	}
}
