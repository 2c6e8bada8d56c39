package borg

import "strings"

// knownErrors are borg's names for its errors and its modern exit codes (1.4:
// helpers/errors.py and the classes derived from Error). Names are the same in
// 1.2, which has no such codes.
var knownErrors = [...]struct {
	exit  int
	msgid string
	code  string
}{
	{3, "CancelledByUser", CodeBadRequest},
	{4, "CommandError", CodeBadRequest},
	{5, "PlaceholderError", CodeBadRequest},
	{6, "InvalidPlaceholder", CodeBadRequest},
	{10, "Repository.AlreadyExists", CodeRepoExists},
	{11, "Repository.AtticRepository", CodeRepoInvalid},
	{12, "Repository.CheckNeeded", CodeRepoCorrupt},
	{13, "Repository.DoesNotExist", CodeRepoNotFound},
	{14, "Repository.InsufficientFreeSpaceError", CodeRepoDiskFull},
	{15, "Repository.InvalidRepository", CodeRepoInvalid},
	{16, "Repository.InvalidRepositoryConfig", CodeRepoInvalid},
	{17, "Repository.ObjectNotFound", CodeRepoCorrupt},
	{18, "Repository.ParentPathDoesNotExist", CodeRepoParent},
	{19, "Repository.PathAlreadyExists", CodeRepoPathTaken},
	{20, "Repository.StorageQuotaExceeded", CodeQuotaExceeded},
	{21, "Repository.PathPermissionDenied", CodeRepoPermission},
	{25, "MandatoryFeatureUnsupported", CodeIncompatible},
	{26, "NoManifestError", CodeRepoCorrupt},
	{27, "UnsupportedManifestError", CodeIncompatible},
	{30, "Archive.AlreadyExists", CodeArchiveExists},
	{31, "Archive.DoesNotExist", CodeArchiveNotFound},
	{32, "Archive.IncompatibleFilesystemEncodingError", CodeIncompatible},
	{40, "KeyfileInvalidError", CodeKeyProblem},
	{41, "KeyfileMismatchError", CodeKeyProblem},
	{42, "KeyfileNotFoundError", CodeKeyProblem},
	{43, "NotABorgKeyFile", CodeKeyProblem},
	{44, "RepoKeyNotFoundError", CodeKeyProblem},
	{45, "RepoIdMismatch", CodeKeyProblem},
	{46, "UnencryptedRepo", CodeKeyProblem},
	{47, "UnknownKeyType", CodeIncompatible},
	{48, "UnsupportedPayloadError", CodeIncompatible},
	{49, "UnsupportedKeyFormatError", CodeIncompatible},
	{50, "NoPassphraseFailure", CodePassphraseAbsent},
	{51, "PasscommandFailure", CodePassphraseAbsent},
	{52, "PassphraseWrong", CodePassphraseWrong},
	{53, "PasswordRetriesExceeded", CodePassphraseWrong},
	{60, "Cache.CacheInitAbortedError", CodeRepoUntrusted},
	{61, "Cache.EncryptionMethodMismatch", CodeRepoReplaced},
	{62, "Cache.RepositoryAccessAborted", CodeRepoRelocated},
	{63, "Cache.RepositoryIDNotUnique", CodeRepoReplaced},
	{64, "Cache.RepositoryReplay", CodeRepoReplaced},
	{70, "LockError", CodeRepoLocked},
	{71, "LockErrorT", CodeRepoLocked},
	{72, "LockFailed", CodeRepoLocked},
	{73, "LockTimeout", CodeRepoLocked},
	{74, "NotLocked", CodeRepoLocked},
	{75, "NotMyLock", CodeRepoLocked},
	{80, "ConnectionClosed", CodeRepoUnreachable},
	{81, "ConnectionClosedWithHint", CodeRepoUnreachable},
	{82, "InvalidRPCMethod", CodeRemoteBorg},
	{83, "PathNotAllowed", CodePathNotAllowed},
	{84, "RemoteRepository.RPCServerOutdated", CodeRemoteBorg},
	{85, "UnexpectedRPCDataFormatFromClient", CodeRemoteBorg},
	{86, "UnexpectedRPCDataFormatFromServer", CodeRemoteBorg},
	{87, "ConnectionBrokenWithHint", CodeRepoUnreachable},
	{90, "IntegrityError", CodeRepoCorrupt},
	{91, "FileIntegrityError", CodeRepoCorrupt},
	{92, "DecompressionError", CodeRepoCorrupt},
	{95, "ArchiveTAMInvalid", CodeTampered},
	{96, "ArchiveTAMRequiredError", CodeTampered},
	{97, "TAMInvalid", CodeTampered},
	{98, "TAMRequiredError", CodeTampered},
	{99, "TAMUnsupportedSuiteError", CodeTampered},
	{129, "Signal.SIGHUP", CodeBorgKilled},
	{143, "Signal.SIGTERM", CodeBorgKilled},
}

// codeOfMsgID returns "" for a name that is not known.
func codeOfMsgID(msgid string) string {
	for _, e := range knownErrors {
		if e.msgid == msgid {
			return e.code
		}
	}
	// An error that the server's borg reports has the name without the class
	// that it is defined in. Those of archives do not come from servers.
	for _, e := range knownErrors {
		if _, bare, nested := strings.Cut(e.msgid, "."); nested && bare == msgid {
			return e.code
		}
	}
	return ""
}

// codeOfExitCode is for the ends at which no message was seen.
func codeOfExitCode(rc int) string {
	for _, e := range knownErrors {
		if e.exit == rc {
			return e.code
		}
	}
	if rc >= 128 {
		return CodeBorgKilled
	}
	return CodeBorgFailed
}

// codeOfException reads the errors that borg has no name for: it shows them as
// tracebacks of Python's.
func codeOfException(text string) string {
	switch {
	case diskFull(text):
		return CodeRepoDiskFull
	case strings.Contains(text, "[Errno 122]"): // disk quota exceeded
		return CodeQuotaExceeded
	case strings.Contains(text, "[Errno 13]"), strings.Contains(text, "[Errno 1]"), strings.Contains(text, "[Errno 30]"): // denied, not permitted, read-only
		return CodeRepoPermission
	case strings.Contains(text, "[Errno 5]"), strings.Contains(text, "[Errno 116]"): // input/output error, stale file handle
		return CodeIO
	}
	return CodeBorgCrashed
}
