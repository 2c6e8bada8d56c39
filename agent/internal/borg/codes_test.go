package borg

import "testing"

func TestCodes(t *testing.T) {
	codes, names := make(map[int]bool), make(map[string]bool)
	for _, e := range knownErrors {
		if codes[e.exit] || names[e.msgid] {
			t.Errorf("%d %s is there twice", e.exit, e.msgid)
		}
		codes[e.exit], names[e.msgid] = true, true
		if goodCode(e.exit) {
			t.Errorf("%d is not an error", e.exit)
		}
	}
	for msgid, want := range map[string]string{
		"LockTimeout":                        CodeRepoLocked,
		"Repository.DoesNotExist":            CodeRepoNotFound,
		"Archive.DoesNotExist":               CodeArchiveNotFound,
		"DoesNotExist":                       CodeRepoNotFound, // from a server
		"StorageQuotaExceeded":               CodeQuotaExceeded,
		"RPCServerOutdated":                  CodeRemoteBorg,
		"RemoteRepository.RPCServerOutdated": CodeRemoteBorg,
		"Exception":                          "",
		"":                                   "",
	} {
		if got := codeOfMsgID(msgid); got != want {
			t.Errorf("%q has the code %q, want %q", msgid, got, want)
		}
	}
	for rc, want := range map[int]string{2: CodeBorgFailed, 13: CodeRepoNotFound, 73: CodeRepoLocked, 99: CodeTampered, 143: CodeBorgKilled, 137: CodeBorgKilled} {
		if got := codeOfExitCode(rc); got != want {
			t.Errorf("exit code %d has the code %q, want %q", rc, got, want)
		}
	}
}
