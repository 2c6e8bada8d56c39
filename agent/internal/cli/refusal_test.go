package cli

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/local"
	"borgfleet/agent/internal/state"
	"borgfleet/certs"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// TestEnrollLeavesAForeignDirectoryAlone: with /etc for --state-dir the host would
// be closed to all its accounts.
func TestEnrollLeavesAForeignDirectoryAlone(t *testing.T) {
	token, _, err := certs.NewJoinToken("https://127.0.0.1:1", strings.Repeat("0a", 32), rand.Reader)
	must(t, err)
	etc := t.TempDir()
	must(t, os.Chmod(etc, 0o755))
	must(t, os.Mkdir(filepath.Join(etc, "ssh"), 0o755))
	dir, err := state.At(etc)
	must(t, err)
	command(t, dir, "enroll --token "+token, Hooks{}).want(t, 1, "", "borgfleet-agent: STATE is no state directory of an agent: ssh is in it. "+
		"Name an empty directory with --state-dir, or one that is not there yet; the packages use /var/lib/borgfleet-agent\n")
	info, err := os.Stat(etc)
	must(t, err)
	if all, err := os.ReadDir(etc); err != nil || len(all) != 1 || info.Mode().Perm() != 0o755 {
		t.Errorf("%v %v %v", all, info.Mode(), err)
	}
}

// TestEndSaysWhatToDo: of a job that was followed.
func TestEndSaysWhatToDo(t *testing.T) {
	for code, want := range map[string]string{
		job.CodeHookFailed: "Job 17 failed: why\nNext: the log has what the hook said: borgfleet-agent logs 17. Mend it on the host, then order the job again\n",
		job.CodePolicy:     "Job 17 failed: why\n", // the message has the command
	} {
		var out bytes.Buffer
		a := &agent{out: term.Screen{W: &out}, now: now}
		must(t, a.tellEnd(local.Job{ID: 17, Status: string(job.Failed), ErrorMessage: "why", ErrorCode: code}))
		if out.String() != want {
			t.Errorf("%s: %q, want %q", code, out.String(), want)
		}
	}
}

// TestAdoptWithAWrongPassphrase: there is no registration yet whose passphrase could be
// changed.
func TestAdoptWithAWrongPassphrase(t *testing.T) {
	err := hinted("/srv/r.borg", &borg.Error{Code: borg.CodePassphraseWrong, Message: "it is wrong"})
	if next := cmdline.NextStep(err); !strings.Contains(next, "--passphrase-file") || strings.Contains(next, "repositories update") {
		t.Errorf("%q", next)
	}
}
