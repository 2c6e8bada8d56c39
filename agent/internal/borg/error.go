package borg

import (
	"errors"
	"fmt"

	"borgfleet/shared/job"
)

// Error is a reason that ends up in a verdict: a stable code for scripts and a
// sentence for a person.
type Error struct {
	Code    string
	Message string
}

func (e *Error) Error() string { return e.Message }

// Codes of what borg reports, and of what is refused before borg is asked.
// They are stable: scripts compare them.
const (
	CodeBadRequest       = "bad_request"         // a value in the order that must not reach borg, or that borg refuses
	CodeRepoLocked       = "repo_locked"         // somebody else works on the repository; worth another try later
	CodeRepoNotFound     = "repo_not_found"      // no repository at this place
	CodeRepoExists       = "repo_exists"         // init: a borg repository is already there; it can be adopted
	CodeRepoPathTaken    = "repo_path_taken"     // init: something that is not a borg repository is already there
	CodeRepoParent       = "repo_parent_missing" // the directory above the repository does not exist
	CodeRepoInvalid      = "repo_invalid"        // what is there is not a borg repository
	CodeRepoCorrupt      = "repo_corrupt"        // borg found damage; needs a person
	CodeRepoPermission   = "repo_permission"     // the account may not read or write there
	CodeRepoDiskFull     = "repo_disk_full"
	CodeQuotaExceeded    = "quota_exceeded"
	CodeRepoUnreachable  = "repo_unreachable" // the connection to the server failed or broke
	CodeHostKeyUnknown   = "host_key_unknown" // ssh does not know the server yet
	CodeHostKeyChanged   = "host_key_changed" // the server shows another key than before
	CodeSSHAuth          = "ssh_auth"         // the server does not accept the account's key
	CodeRemoteBorg       = "remote_borg"      // the server's borg is missing, too old, or not borg
	CodePathNotAllowed   = "path_not_allowed" // the server restricts the account to other paths
	CodePassphraseWrong  = "passphrase_wrong"
	CodePassphraseAbsent = "passphrase_missing" // borg wanted a passphrase and got none
	CodeKeyProblem       = "key_problem"        // the key file is missing, damaged or of another repository
	CodeRepoUntrusted    = "repo_untrusted"     // an unencrypted repository this host has not seen before
	CodeRepoRelocated    = "repo_relocated"     // the repository was at another place before
	CodeRepoReplaced     = "repo_replaced"      // security: encryption changed, or an older state was put back
	CodeTampered         = "repo_tampered"      // security: authentication of repository data failed
	CodeIncompatible     = "repo_incompatible"  // needs another version of borg
	CodeArchiveExists    = "archive_exists"
	CodeArchiveNotFound  = "archive_not_found"
	CodeIO               = "io_error"
	CodeCacheDamaged     = "cache_damaged" // borg's cache of the repository on this host cannot be read
	CodeBorgKilled       = "borg_killed"   // a signal that we did not send
	CodeBorgCrashed      = "borg_crashed"  // an error that borg itself did not expect
	CodeBorgFailed       = "borg_failed"   // an error without a name
)

// CodeOf returns the code that err carries, or job.CodeInternal.
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return job.CodeInternal
}

func badRequest(format string, args ...any) *Error {
	return &Error{Code: CodeBadRequest, Message: fmt.Sprintf(format, args...)}
}

func internal(format string, args ...any) *Error {
	return &Error{Code: job.CodeInternal, Message: fmt.Sprintf(format, args...)}
}
