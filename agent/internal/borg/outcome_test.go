package borg

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"borgfleet/shared/job"

	"github.com/google/go-cmp/cmp"
)

// sampleOutcome is a recorded run of a real borg.
func sampleOutcome(t *testing.T, name string, kind job.Kind) Outcome {
	t.Helper()
	read := func(ext string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata", name+ext))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	rc, err := strconv.Atoi(string(bytes.TrimSpace(read(".rc"))))
	if err != nil {
		t.Fatal(err)
	}
	return Outcome{Kind: kind, Exit: Exit{Code: rc}, ExitKnown: true, Stdout: read(".stdout"), Tracker: track(read(".stderr"))}
}

func TestClassifySamples(t *testing.T) {
	for _, tt := range []struct {
		sample    string
		kind      job.Kind
		status    job.Status
		code, msg string
	}{
		{"create_ok", job.Backup, job.Completed, "", ""},
		{"create_warn_missing", job.Backup, job.CompletedWithWarnings, "", "1 file could not be read: vanished (1)"},
		{"check", job.Check, job.Completed, "", ""},
		{"prune_list", job.Prune, job.Completed, "", ""},
		{"compact", job.Compact, job.Completed, "", ""},
		{"list_json", job.List, job.Completed, "", ""},
		{"err_lock", job.Backup, job.Failed, CodeRepoLocked, "Failed to create/acquire the lock "},
		{"err_norepo", job.Backup, job.Failed, CodeRepoNotFound, "Repository /srv/example/repos/none does not exist."},
		{"err_passphrase", job.Backup, job.Failed, CodePassphraseWrong, "the passphrase given for this repository is wrong"},
	} {
		for _, version := range []string{"1.2.4", "1.4.0", "1.4.5"} {
			t.Run(version+"/"+tt.sample, func(t *testing.T) {
				o := sampleOutcome(t, version+"/"+tt.sample, tt.kind)
				v := Classify(o)
				if v.Status != tt.status || v.ErrorCode != tt.code || !strings.Contains(v.ErrorMessage, tt.msg) || tt.msg == "" && v.ErrorMessage != "" {
					t.Errorf("got %s, %q, %q", v.Status, v.ErrorCode, v.ErrorMessage)
				}
				if v.ExitCode == nil || *v.ExitCode != o.Exit.Code {
					t.Errorf("exit code %v", v.ExitCode)
				}
				if tt.kind == job.Backup && v.Status.Good() {
					if len(v.ArchiveID) != 64 || !strings.HasPrefix(v.ArchiveName, "arch-") || len(v.BorgID) != 64 {
						t.Errorf("archive %q %q in %q", v.ArchiveID, v.ArchiveName, v.BorgID)
					}
					p := v.Progress
					if p.NFiles != 8 || p.OriginalSize < 31_000_000 || p.TotalExpected != p.OriginalSize || p.Percent != 100 || p.CurrentFile != "" || p.ETA != 0 {
						t.Errorf("figures %+v", p)
					}
				} else if v.ArchiveID != "" {
					t.Errorf("archive %q of a %s", v.ArchiveID, v.Status)
				}
			})
		}
	}
}

func logLine(level, msgid, message string) string {
	return fmt.Sprintf(`{"type": "log_message", "time": 1, "message": %q, "levelname": %q, "name": "borg.archiver", "msgid": %q}`, message, level, msgid) + "\n"
}

func tracebackLine(last string) string {
	return logLine("ERROR", "", "Traceback (most recent call last):\n  File \"archiver.py\", line 1, in x\n    f()\n"+last+"\n\nPlatform: Linux vm 6.1\nBorg: 1.2.4  Python: CPython 3.11.2\nsys.argv: ['/usr/bin/borg']\n")
}

func remoteLine(said string) string {
	return `{"type": "log_message", "time": 1, "message": ` + strconv.Quote("Remote: "+said) + `, "levelname": "WARNING", "name": "root"}` + "\n"
}

func TestExplain(t *testing.T) {
	closed := logLine("ERROR", "ConnectionClosedWithHint", "Connection closed by remote host. Is borg working on the server?")
	for _, tt := range []struct {
		name, stderr string
		exit         Exit
		code         string
		says         []string
		saysNot      string
	}{
		{"msgid beats exit code", logLine("ERROR", "Repository.DoesNotExist", "Repository /r does not exist."), Exit{Code: 73}, CodeRepoNotFound, []string{"/r does not exist"}, ""},
		{"named error beats an earlier one without a name", logLine("ERROR", "", "noise") + logLine("ERROR", "LockTimeout", "the lock"), Exit{Code: 2}, CodeRepoLocked, []string{"the lock"}, "noise"},
		{"first error wins", logLine("ERROR", "LockTimeout", "the lock") + logLine("ERROR", "PassphraseWrong", "pw"), Exit{Code: 2}, CodeRepoLocked, []string{"the lock"}, "pw"},
		{"error without a name", logLine("ERROR", "", "At least one of the keep options must be given."), Exit{Code: 2}, CodeBorgFailed, []string{"At least one of the keep"}, ""},
		{"exit code alone", "", Exit{Code: 73}, CodeRepoLocked, []string{"exit code 73"}, ""},
		{"exit code and ssh's words", remoteLine("bash: line 1: something"), Exit{Code: 2}, CodeBorgFailed, []string{"bash: line 1"}, "exit code"},
		{"wrong option", "usage: borg [-V]\n            [--x]\nborg: error: unrecognized arguments: --x\n\n", Exit{Code: 2}, CodeBadRequest, []string{"unrecognized arguments: --x"}, "usage"},
		{"raw text", "something odd\n\n", Exit{Code: 2}, CodeBorgFailed, []string{"something odd"}, "exit code"},
		{"disk full", logLine("ERROR", "Exception", "Local Exception") + tracebackLine("OSError: [Errno 28] No space left on device"), Exit{Code: 2}, CodeRepoDiskFull, []string{"OSError: [Errno 28] No space left on device"}, "Platform"},
		{"disk full, seen before", logLine("WARNING", "", "write to /r failed: No space left on device") + logLine("ERROR", "Exception", "Local Exception") + tracebackLine("ValueError: odd"), Exit{Code: 2}, CodeRepoDiskFull, []string{"/r failed: No space left", "ValueError: odd"}, ""},
		{"permission", logLine("ERROR", "Exception", "Local Exception") + tracebackLine("PermissionError: [Errno 13] Permission denied: '/r/config'"), Exit{Code: 2}, CodeRepoPermission, []string{"'/r/config'"}, "Local Exception"},
		{"lock not allowed", logLine("ERROR", "LockFailed", "Failed to create/acquire the lock /r/lock ([Errno 13] Permission denied: '/r/lock')."), Exit{Code: 72}, CodeRepoPermission, []string{"/r/lock"}, ""},
		{"read-only", logLine("ERROR", "LockFailed", "Failed to create/acquire the lock /r/lock ([Errno 30] Read-only file system: '/r/lock')."), Exit{Code: 2}, CodeRepoPermission, []string{"Read-only"}, ""},
		{"crash", logLine("ERROR", "Exception", "Local Exception") + tracebackLine("borg.helpers.Odd: what"), Exit{Code: 2}, CodeBorgCrashed, []string{"borg.helpers.Odd: what"}, "sys.argv"},
		{"chained exceptions", logLine("ERROR", "Exception", "Local Exception") + tracebackLine("KeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"x\", line 2, in y\nOSError: [Errno 5] Input/output error"), Exit{Code: 2}, CodeIO, []string{"OSError: [Errno 5]"}, "KeyError"},
		{"server's traceback", logLine("ERROR", "OSError", "Traceback (most recent call last):\n  File \"/x\", line 1, in y\nOSError: [Errno 28] No space left on device: '/srv/r/data/0/1'\n"), Exit{Code: 2}, CodeRepoDiskFull, []string{"'/srv/r/data/0/1'"}, "Traceback"},
		{"no passphrase", logLine("ERROR", "NoPassphraseFailure", "can not acquire a passphrase: BORG_PASSPHRASE is not set. BORG_PASSCOMMAND is not set. Interactive password query failed."), Exit{Code: 2}, CodePassphraseAbsent, []string{"needs a passphrase"}, "BORG_"},
		{"refused by ssh", remoteLine("ssh: connect to host h port 1: Connection refused") + closed, Exit{Code: 81}, CodeRepoUnreachable, []string{"Connection closed", "port 1: Connection refused"}, ""},
		{"unknown host", remoteLine("No ED25519 host key is known for [backup.example]:2222 and you have requested strict checking.") + remoteLine("Host key verification failed.") + closed, Exit{Code: 2}, CodeHostKeyUnknown, []string{"ssh-keyscan -p 2222 backup.example >> '/etc/known hosts'"}, ""},
		{"unknown host, hostile", remoteLine("No ED25519 host key is known for $(rm -rf /) and you have requested strict checking.") + remoteLine("Host key verification failed.") + closed, Exit{Code: 2}, CodeHostKeyUnknown, []string{"ssh-keyscan SERVER"}, "rm -rf"},
		{"changed host", remoteLine("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @") + remoteLine("Host key verification failed.") + closed, Exit{Code: 2}, CodeHostKeyChanged, []string{"ssh-keygen -R"}, "ssh-keyscan"},
		{"ssh key not accepted", remoteLine("backup@h: Permission denied (publickey).") + closed, Exit{Code: 80}, CodeSSHAuth, []string{"Permission denied (publickey)"}, ""},
		{"no borg there", remoteLine("bash: line 1: borg: command not found") + closed, Exit{Code: 81}, CodeRemoteBorg, []string{"not installed on the server"}, ""},
		{"killed", "", Exit{Code: -1, Signal: syscall.SIGKILL}, CodeBorgKilled, []string{"SIGKILL", "memory"}, ""},
		{"another signal", "", Exit{Code: -1, Signal: syscall.SIGSEGV}, CodeBorgKilled, []string{"SIGSEGV"}, ""},
		{"SIGTERM that was not ours", logLine("ERROR", "Signal.SIGTERM", "Received SIGTERM"), Exit{Code: 143}, CodeBorgKilled, []string{"did not come from here", "Received SIGTERM"}, ""},
		{"replay", logLine("ERROR", "Cache.RepositoryReplay", "Cache, or information obtained from the security directory is newer than repository"), Exit{Code: 2}, CodeRepoReplaced, nil, ""},
		{"quota", logLine("ERROR", "Repository.StorageQuotaExceeded", "The storage quota (1 MB) has been exceeded (2 MB). Try deleting some archives."), Exit{Code: 20}, CodeQuotaExceeded, nil, ""},
		{"long", logLine("ERROR", "LockTimeout", strings.Repeat("ä", 5000)), Exit{Code: 2}, CodeRepoLocked, []string{"ää…"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := Classify(Outcome{Kind: job.Backup, Exit: tt.exit, ExitKnown: true, Tracker: track([]byte(tt.stderr)), KnownHosts: "/etc/known hosts"})
			if v.Status != job.Failed || v.ErrorCode != tt.code {
				t.Errorf("%s, code %q, want %q (%q)", v.Status, v.ErrorCode, tt.code, v.ErrorMessage)
			}
			for _, s := range tt.says {
				if !strings.Contains(v.ErrorMessage, s) {
					t.Errorf("%q does not say %q", v.ErrorMessage, s)
				}
			}
			if tt.saysNot != "" && strings.Contains(v.ErrorMessage, tt.saysNot) {
				t.Errorf("%q says %q", v.ErrorMessage, tt.saysNot)
			}
			if v.ErrorMessage == "" || len(v.ErrorMessage) > 1024 || strings.Contains(v.ErrorMessage, "\n") {
				t.Errorf("message of %d bytes: %.100q", len(v.ErrorMessage), v.ErrorMessage)
			}
		})
	}
}

func TestClassifyOrder(t *testing.T) {
	saved := func() []byte { return sampleOutcome(t, "1.2.4/create_ok", job.Backup).Stdout }
	lock := func() *Tracker { return track([]byte(logLine("ERROR", "LockTimeout", "locked"))) }
	for _, tt := range []struct {
		name       string
		o          Outcome
		status     job.Status
		code       string
		exit       string
		terminated bool
	}{
		{"cancelled, rc 143", Outcome{Exit: Exit{Code: 143}, ExitKnown: true, Cancelled: true}, job.Cancelled, job.CodeCancelled, "143", true},
		{"cancelled, looks like another error", Outcome{Exit: Exit{Code: 2}, ExitKnown: true, Cancelled: true, Tracker: lock()}, job.Cancelled, job.CodeCancelled, "2", true},
		{"cancelled by force", Outcome{Exit: Exit{Code: -1, Signal: syscall.SIGKILL}, ExitKnown: true, Cancelled: true}, job.Cancelled, job.CodeCancelled, "137", true},
		{"cancelled too late", Outcome{Exit: Exit{}, ExitKnown: true, Cancelled: true, Stdout: saved()}, job.Completed, "", "0", false},
		{"cancelled too late, with warnings", Outcome{Exit: Exit{Code: 1}, ExitKnown: true, Cancelled: true, Stdout: saved()}, job.CompletedWithWarnings, "", "1", false},
		{"cancelled, rc 1 and nothing saved", Outcome{Exit: Exit{Code: 1}, ExitKnown: true, Cancelled: true}, job.Cancelled, job.CodeCancelled, "1", true},
		{"warning without an archive", Outcome{Exit: Exit{Code: 1}, ExitKnown: true}, job.Failed, CodeBorgFailed, "1", false},
		{"warning with half an answer", Outcome{Exit: Exit{Code: 107}, ExitKnown: true, Stdout: saved()[:200]}, job.Failed, CodeBorgFailed, "107", false},
		{"modern warning", Outcome{Exit: Exit{Code: 105}, ExitKnown: true, Stdout: saved()}, job.CompletedWithWarnings, "", "105", false},
		{"rc 99 is no warning", Outcome{Exit: Exit{Code: 99}, ExitKnown: true}, job.Failed, CodeTampered, "99", false},
		{"an error after the archive was saved", Outcome{Exit: Exit{Code: 99}, ExitKnown: true, Stdout: saved()}, job.CompletedWithWarnings, CodeTampered, "99", false},
		{"killed after the archive was saved", Outcome{Exit: Exit{Code: -1, Signal: syscall.SIGKILL}, ExitKnown: true, Stdout: saved()}, job.CompletedWithWarnings, CodeBorgKilled, "137", false},
		{"told to end after the archive was saved", Outcome{Exit: Exit{Code: 143}, ExitKnown: true, Cancelled: true, Stdout: saved()}, job.CompletedWithWarnings, job.CodeCancelled, "143", false},
		{"rc 128 is no warning", Outcome{Exit: Exit{Code: 128}, ExitKnown: true}, job.Failed, CodeBorgKilled, "128", false},
		{"status lost, archive there", Outcome{Stdout: saved()}, job.CompletedWithWarnings, job.CodeStatusLost, "", false},
		{"status lost and cancelled, archive there", Outcome{Stdout: saved(), Cancelled: true}, job.CompletedWithWarnings, job.CodeStatusLost, "", false},
		{"status lost, half an answer", Outcome{Stdout: saved()[:200]}, job.Failed, job.CodeInterrupted, "", false},
		{"status lost, error seen", Outcome{Tracker: lock()}, job.Failed, job.CodeInterrupted, "", false},
		{"status lost and cancelled", Outcome{Cancelled: true}, job.Cancelled, job.CodeCancelled, "", false},
		{"wait failed", Outcome{Exit: Exit{Code: -1, Err: errors.New("x")}, ExitKnown: true, Stdout: saved()}, job.CompletedWithWarnings, job.CodeStatusLost, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Kind, tt.o.Version = job.Backup, Version{1, 2, 4, ""}
			v := Classify(tt.o)
			exit := ""
			if v.ExitCode != nil {
				exit = strconv.Itoa(*v.ExitCode)
			}
			if v.Status != tt.status || v.ErrorCode != tt.code || exit != tt.exit || v.ProcessTerminated != tt.terminated || v.BorgVersion != "1.2.4" {
				t.Errorf("got %s, %q, exit %s, terminated %v (%q)", v.Status, v.ErrorCode, exit, v.ProcessTerminated, v.ErrorMessage)
			}
			if (v.ArchiveID != "") != v.Status.Good() {
				t.Errorf("a %s has the archive %q", v.Status, v.ArchiveID)
			}
			if (v.Progress.Percent == 100) != v.Status.Good() {
				t.Errorf("a %s has %v percent", v.Status, v.Progress.Percent)
			}
		})
	}
}

func TestClassifyKeepsLastCounters(t *testing.T) {
	b := samples(t, "1.2.4/cancel_TERM.stderr")["1.2.4/cancel_TERM.stderr"]
	v := Classify(Outcome{Kind: job.Backup, Exit: Exit{Code: 143}, ExitKnown: true, Cancelled: true, Tracker: track(b)})
	if v.Progress.OriginalSize == 0 || v.Progress.CurrentFile != "/srv/example/data/rnd1g" {
		t.Errorf("%+v", v.Progress)
	}
}

func TestClassifyListOfOneArchive(t *testing.T) {
	o := Outcome{Kind: job.List, ExitKnown: true, Stdout: []byte(`{"archives": [{"id": "a1", "name": "n"}], "repository": {"id": "b1"}}`)}
	if v := Classify(o); v.Status != job.Completed || v.ArchiveID != "" || v.BorgID != "b1" {
		t.Errorf("%+v", v)
	}
	o.ExitKnown = false
	if v := Classify(o); v.Status != job.Failed || v.ErrorCode != job.CodeInterrupted {
		t.Errorf("status lost: %+v", v)
	}
}

func TestNoFiles(t *testing.T) {
	good := job.Verdict{Status: job.CompletedWithWarnings, ErrorMessage: "1 file could not be read: vanished (1)", ArchiveID: "a", Progress: job.Progress{Percent: 100}}
	v := NoFiles(good, true)
	if v.Status != job.Failed || v.ErrorCode != job.CodeNoFiles || v.Progress.Percent != 0 || !strings.Contains(v.ErrorMessage, "vanished") {
		t.Errorf("%+v", v)
	}
	if v := NoFiles(good, false); v.Status != job.Failed || v.ErrorCode != job.CodeNoFiles {
		t.Errorf("nothing could be read: %+v", v)
	}
	good.Status, good.ErrorMessage = job.Completed, ""
	if diff := cmp.Diff(good, NoFiles(good, false)); diff != "" {
		t.Errorf("a first empty backup: %s", diff)
	}
	good.Progress.NFiles = 1
	if diff := cmp.Diff(good, NoFiles(good, true)); diff != "" {
		t.Errorf("one file: %s", diff)
	}
	failed := job.Verdict{Status: job.Failed, ErrorCode: CodeRepoLocked}
	if diff := cmp.Diff(failed, NoFiles(failed, true)); diff != "" {
		t.Errorf("failed for another reason: %s", diff)
	}
}

func TestWarningSummary(t *testing.T) {
	w := func(msgid, text string) string { return logLine("WARNING", msgid, text) }
	for _, tt := range []struct{ name, stderr, want string }{
		{"none", "", ""},
		{"by name", w("BackupPermissionError", "x") + w("BackupPermissionError", "x") + w("BackupFileNotFoundError", "x"), "3 files could not be read: permission denied (2), vanished (1)"},
		{"by words", w("", "/a: open: [Errno 13] Permission denied: 'a'") + w("", "/b: [Errno 2] No such file or directory: 'b'") + w("", "/c: read: [Errno 5] Input/output error"), "3 files could not be read: permission denied (1), vanished (1), input/output error (1)"},
		{"changed", w("", "/a: file changed while we backed it up"), "1 file changed while being read"},
		{"several", w("FileChangedWarning", "x") + w("BackupOSError", "y") + w("IncludePatternNeverMatched", "z"), "1 file could not be read: other error (1); 1 file changed while being read; 1 pattern never matched"},
		{"other", w("", "Killed stale lock vm@1.2-3.") + w("", "y"), "2 other warnings: Killed stale lock vm@1.2-3."},
		{"the server's words are none", remoteLine("hello"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := track([]byte(tt.stderr)).WarningSummary(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTracker(t *testing.T) {
	var tr Tracker
	observe := func(line string) { tr.Observe(ParseLine([]byte(line))) }
	observe(`{"message": "Verifying", "current": 1, "total": 4, "msgid": "check.verify_data", "type": "progress_percent", "finished": false}`)
	if p := tr.Phase(); p.MsgID != "check.verify_data" || p.Percent != 25 {
		t.Errorf("phase %+v", p)
	}
	observe(`{"msgid": "other", "type": "progress_percent", "finished": true}`)
	if tr.Phase().MsgID == "" {
		t.Error("the end of another operation ended this one")
	}
	observe(`{"msgid": "check.verify_data", "type": "progress_percent", "finished": true}`)
	if tr.Phase() != (Phase{}) {
		t.Errorf("phase %+v after its end", tr.Phase())
	}
	if _, ok := tr.Counters(); ok {
		t.Error("counters before the first progress")
	}
	observe(`{"original_size": 5, "nfiles": 1, "path": "a", "type": "archive_progress", "finished": false}`)
	observe(`{"type": "archive_progress", "finished": true}`)
	if c, ok := tr.Counters(); !ok || c.OriginalSize != 5 || c.File() != "/a" || !tr.Walked() {
		t.Errorf("counters %+v after the last message, which has none", c)
	}
	for i := range 2 * keptWarnings {
		observe(strings.TrimSpace(logLine("WARNING", "", fmt.Sprint("/f", i, ": [Errno 13] Permission denied"))))
		observe(strings.TrimSpace(remoteLine(fmt.Sprint("said ", i))))
	}
	if tr.WarningCount() != 2*keptWarnings || tr.Warnings(WarnPermission) != 2*keptWarnings || len(tr.FirstWarnings()) != keptWarnings {
		t.Errorf("%d warnings, %d kept", tr.WarningCount(), len(tr.FirstWarnings()))
	}
	if r := tr.Remote(); len(r) != keptRemote || r[len(r)-1] != "said 99" {
		t.Errorf("remote %q", r)
	}
	observe("odd text")
	if tr.LastRaw() != "odd text" || tr.Failure() != nil {
		t.Errorf("raw %q, failure %v", tr.LastRaw(), tr.Failure())
	}
}

// TestMayHaveSaved: what was not heard may have been said.
func TestMayHaveSaved(t *testing.T) {
	walked := &Tracker{}
	walked.Observe(ParseLine([]byte(`{"time": 1.5, "type": "archive_progress", "finished": true}`)))
	killed := Exit{Code: 143}
	tests := map[string]struct {
		o    Outcome
		want bool
	}{
		"early":            {Outcome{Kind: job.Backup, ExitKnown: true, Exit: killed, Tracker: &Tracker{}}, false},
		"walked":           {Outcome{Kind: job.Backup, ExitKnown: true, Exit: killed, Tracker: walked}, true},
		"lines are lost":   {Outcome{Kind: job.Backup, ExitKnown: true, Exit: killed, Tracker: &Tracker{}, Partial: true}, true},
		"ended well":       {Outcome{Kind: job.Backup, ExitKnown: true, Tracker: walked, Partial: true}, false},
		"makes no archive": {Outcome{Kind: job.List, ExitKnown: true, Exit: killed, Tracker: walked, Partial: true}, false},
	}
	for name, tt := range tests {
		if got := MayHaveSaved(tt.o); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
