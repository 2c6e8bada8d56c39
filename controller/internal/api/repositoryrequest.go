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
// body.
func repositoryRequest(body *object) fleet.RepositoryRequest {
	d := job.Repository{
		Name:       body.checked("name", true, checkName),
		Path:       body.checked("path", true, checkLocation),
		Encryption: body.checked("encryption", true, saying(job.CheckEncryption)),

		Compression:       body.checked("compression", false, saying(job.CheckCompression)),
		Sources:           body.mustTexts("source_directories", mostSources, checkSource),
		ExcludePatterns:   body.texts("exclude_patterns", mostPatterns, checkPattern),
		OneFileSystem:     body.flag("one_file_system"),
		ExcludeCaches:     body.flag("exclude_caches"),
		ExcludeIfPresent:  body.texts("exclude_if_present", mostPatterns, checkTag),
		FileLog:           job.FileLog(body.checked("file_log", false, checkFileLog)),
		ArchiveNameFormat: body.checked("archive_name_format", false, checkArchiveName),
	}
	d.UploadRateLimit, _ = body.number("upload_ratelimit", 0, mostRateLimit)
	d.CheckpointInterval, _ = body.duration("checkpoint_interval", 0, mostCheckpoint)
	d.LockWait, _ = body.duration("lock_wait", 0, mostLockWait)
	if d.FileLog == "" {
		d.FileLog = job.FileLogNone
	}
	req := fleet.RepositoryRequest{Agent: body.reference("agent", false), Definition: d}
	readPassphrase(body, &req)
	for _, later := range []string{"repository_type", "match_archives", "retention", "hooks"} {
		body.refuse(later)
	}
	body.noOthers()
	return req
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
	case !isPlain && !isSealed && job.NeedsPassphrase(req.Definition.Encryption):
		// borg would leave half a repository behind before it asks.
		body.bad.add("body.passphrase", "encryption %s needs one: give passphrase, or passphrase_sealed", req.Definition.Encryption)
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
