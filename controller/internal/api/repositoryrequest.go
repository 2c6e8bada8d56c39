package api

import (
	"bytes"
	"encoding/base64"
	"strings"
	"time"

	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

const (
	mostSources    = 1000
	mostPatterns   = 10_000
	mostPassphrase = 1024
	mostSealed     = 64 << 10
	mostRateLimit  = 1 << 30 // KiB/s
	mostCheckpoint = 7 * 24 * time.Hour
	mostLockWait   = 24 * time.Hour
)

// repositoryRequest reads a repository's definition. What is wrong is left in
// body. Of one that is imported borg tells the encryption, and its host may have
// the passphrase.
func repositoryRequest(body *object, imported bool) fleet.RepositoryRequest {
	d := job.Repository{
		Name:       body.checked("name", true, checkName),
		Path:       body.checked("path", true, checkLocation),
		Encryption: body.checked("encryption", !imported, saying(job.CheckEncryption)),

		Compression:       body.checked("compression", false, saying(job.CheckCompression)),
		Sources:           sources(body, imported),
		ExcludePatterns:   body.texts("exclude_patterns", mostPatterns, checkPattern),
		OneFileSystem:     body.flag("one_file_system"),
		ExcludeCaches:     body.flag("exclude_caches"),
		ExcludeIfPresent:  body.texts("exclude_if_present", mostPatterns, checkTag),
		FileLog:           job.FileLog(body.checked("file_log", false, checkFileLog)),
		ArchiveNameFormat: body.checked("archive_name_format", false, checkArchiveName),
		MatchArchives:     body.checked("match_archives", false, checkMatch),
		Retention:         readRetention(body),
		Hooks:             body.hooks("hooks"),
	}
	d.UploadRateLimit, _ = body.number("upload_ratelimit", 0, mostRateLimit)
	d.CheckpointInterval, _ = body.duration("checkpoint_interval", 0, mostCheckpoint)
	d.LockWait, _ = body.duration("lock_wait", 0, mostLockWait)
	if d.FileLog == "" {
		d.FileLog = job.FileLogNone
	}
	readType(body, d.Path)
	req := fleet.RepositoryRequest{Agent: body.reference("agent", false), Definition: d}
	readPassphrase(body, &req)
	if !imported && req.Passphrase == "" && req.PassphraseSealed == nil && job.NeedsPassphrase(d.Encryption) && len(body.bad.fields) == 0 {
		// borg would leave half a repository behind before it asks.
		body.bad.add("body.passphrase", "encryption %s needs one: give passphrase, or passphrase_sealed", d.Encryption)
	}
	body.noOthers()
	return req
}

// sources are what is backed up. A host that only maintains a repository, or
// restores from it, has none.
func sources(body *object, imported bool) []string {
	if imported {
		return body.texts("source_directories", mostSources, checkSource)
	}
	return body.mustTexts("source_directories", mostSources, checkSource)
}

// readType checks what other programs want to have said: whether the path is of
// this host or of a server.
func readType(body *object, path string) {
	kind, ok := body.text("repository_type")
	if !ok {
		return
	}
	is := "local"
	if !strings.HasPrefix(path, "/") {
		is = "ssh"
	}
	switch {
	case kind != "local" && kind != "ssh":
		body.bad.add("body.repository_type", "it must be local or ssh")
	case path != "" && kind != is:
		body.bad.add("body.repository_type", "the path is one of type %s; leave repository_type out, it follows from the path", is)
	}
}

// checkMatch takes the glob that borg's --glob-archives takes.
func checkMatch(s string) string {
	if wrong := checkPlain(s, mostLabel); wrong != "" {
		return wrong
	}
	if strings.ContainsAny(s, "{}/") {
		return "it is a glob such as web1-*, without { } and /"
	}
	return ""
}

// checked reads a string that check finds good.
func (o *object) checked(name string, required bool, check func(string) string) string {
	read := o.text
	if required {
		read = o.mustText
	}
	s, ok := read(name)
	if !ok {
		return ""
	}
	if wrong := check(s); wrong != "" {
		o.bad.add(o.loc(name), "%s", wrong)
	}
	return s
}

// saying makes a check of shared rules one of this package's.
func saying(check func(string) error) func(string) string {
	return func(s string) string {
		if err := check(s); err != nil {
			return err.Error()
		}
		return ""
	}
}

// readPassphrase takes one of the two forms. No message repeats what was sent.
func readPassphrase(body *object, req *fleet.RepositoryRequest) {
	plain, isPlain := body.text("passphrase")
	text, isSealed := body.text("passphrase_sealed")
	switch {
	case isPlain && isSealed:
		body.bad.add("body.passphrase", "give this or passphrase_sealed, not both")
		return
	case (isPlain || isSealed) && req.Definition.Encryption == "none":
		body.bad.add("body.encryption", "a repository with encryption none has no passphrase")
		return
	case isPlain:
		if wrong := checkPassphrase(plain); wrong != "" {
			body.bad.add("body.passphrase", "%s", wrong)
		}
		req.Passphrase = plain
	case isSealed:
		req.PassphraseSealed = unseal64(body, text)
	}
}

func checkPassphrase(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case len(s) > mostPassphrase:
		return "it is too long"
	case strings.ContainsAny(s, "\x00\r\n"):
		// borg reads one line.
		return "it must be one line, without NUL"
	}
	return ""
}

func unseal64(body *object, text string) []byte {
	sealed, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		body.bad.add("body.passphrase_sealed", "it is not base64")
	case len(sealed) > mostSealed:
		body.bad.add("body.passphrase_sealed", "it is too long")
	case !bytes.HasPrefix(sealed, []byte("age-encryption.org/v1\n")):
		body.bad.add("body.passphrase_sealed", "it is not an age file: seal the passphrase to the agent's age_recipient")
	default:
		return sealed
	}
	return nil
}

func checkFileLog(s string) string {
	switch job.FileLog(s) {
	case job.FileLogNone, job.FileLogChanged, job.FileLogAll:
		return ""
	}
	return "it must be one of none, changed, all"
}
