package borg

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"borgfleet/shared/job"
)

// FuzzAnswers: borg's answers to short questions, and what it wrote beside them.
func FuzzAnswers(f *testing.F) {
	const answer = `{"archives":[{"id":"aa","name":"x","barchive":"eA==","start":"2026-01-01T00:00:00.000000","stats":{"original_size":1}}],` +
		`"encryption":{"mode":"none"},"repository":{"id":"bb","location":"/r","last_modified":"2026-01-01T00:00:00.000000"}}`
	stderr := `{"type":"log_message","message":"Repository x does not exist.","levelname":"ERROR","name":"borg","msgid":"Repository.DoesNotExist"}` + "\n"
	f.Add(answer, stderr, 0)
	f.Add("BORG_KEY "+strings.Repeat("0", 64)+"\nx", stderr, 2)
	f.Fuzz(func(t *testing.T, stdout, stderr string, code int) {
		exit := Exit{Code: code}
		archives, _, err := ReadList([]byte(stdout), []byte(stderr), exit)
		if err == nil && !json.Valid([]byte(stdout)) {
			t.Errorf("%q is accepted", stdout)
		}
		for _, a := range archives {
			_ = a.Line()
		}
		a, _, found, err2 := ReadArchive([]byte(stdout), []byte(stderr), exit)
		if found && (err2 != nil || a.ID == "") {
			t.Errorf("found %+v, %v", a, err2)
		}
		if r, err := ReadRepo([]byte(stdout), []byte(stderr), exit); err == nil && r.BorgID == "" {
			t.Error("a repository without an id")
		}
		if _, id, err := ReadKey([]byte(stdout), []byte(stderr), exit); err == nil && len(id) != 64 {
			t.Errorf("a key of %q", id)
		}
		for _, err := range []error{err, err2} {
			if err != nil && (strings.ContainsAny(err.Error(), "\x00\x1b\n\r") || !utf8.ValidString(err.Error())) {
				t.Errorf("%q is for people", err)
			}
		}
	})
}

// FuzzWords: all that a borg writes while it works, and the verdict from it.
func FuzzWords(f *testing.F) {
	line := func(logger, text string) string {
		data, _ := json.Marshal(map[string]any{"type": "log_message", "levelname": "INFO", "name": logger, "message": text})
		return string(data) + "\n"
	}
	f.Add(line(listLogger, "Pruning archive (1/2):   a    Mon, 2026-01-05 00:00:00 ["+strings.Repeat("0", 64)+"]"), 0)
	f.Add(line(statsLogger, "Deleted data:   -1 B  -1 B  -1 B"), 1)
	f.Add(line("borg.repository", "compaction freed about 1.5 GB repository space."), 2)
	f.Add(line("borg.repository", "Finished partial repository check, last segment checked is 4294967295 (sync)"), 0)
	f.Add(`{"type":"archive_progress","original_size":1,"nfiles":1,"path":"/x"}`+"\nTraceback (most recent call last):\n  File\nValueError: x\n", 2)
	f.Fuzz(func(t *testing.T, words string, code int) {
		tr := track([]byte(words))
		up := tr.Upkeep()
		if up.Removed < 0 || up.Kept < 0 || up.WouldGo < 0 || up.Freed != nil && *up.Freed < 0 {
			t.Errorf("figures that are none: %+v", up)
		}
		for _, kind := range job.Kinds() {
			v := Classify(Outcome{Kind: kind, Exit: Exit{Code: code}, Tracker: tr})
			if _, err := job.ParseStatus(string(v.Status)); err != nil || !v.Status.Final() {
				t.Errorf("%s: %q", kind, v.Status)
			}
			if strings.ContainsAny(v.ErrorMessage, "\x00\x1b\r") || !utf8.ValidString(v.ErrorMessage) {
				t.Errorf("%s: %q is for people", kind, v.ErrorMessage)
			}
		}
		for l := range strings.Lines(words) {
			if a, ok := ParseLine([]byte(l)).RemovedArchive(); ok && a.Name == "" {
				t.Errorf("%q removed an archive without a name", l)
			}
		}
	})
}

// FuzzEntry: a line of what an archive holds.
func FuzzEntry(f *testing.F) {
	f.Add(`- -rw-r--r-- 0 0 5 2026-01-01T00:00:00.000000 'root' 'root' '' 'a/b\udcff\x1b'`)
	f.Add(`l lrwxrwxrwx 0 0 5 2026-01-01T00:00:00.000000 0 "0" "it's" '\U0001f600'`)
	f.Fuzz(func(t *testing.T, line string) {
		e, err := ParseEntry([]byte(line))
		if err != nil {
			return
		}
		if e.Path == "" || e.Mode == "" {
			t.Errorf("%+v", e)
		}
		if text := EntryText(e); strings.ContainsAny(text, "\n\r\x00\x1b") || !utf8.ValidString(text) {
			t.Errorf("%q is for people", text)
		}
	})
}

// FuzzVersion: what a program that is called borg says it is.
func FuzzVersion(f *testing.F) {
	for _, s := range []string{"borg 1.4.0", "borg 1.2.8\n", "borg 2.0.0b14", "borg 1.4.1.dev3+g0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVersion(s)
		if err == nil && v.Compare(v) != 0 {
			t.Errorf("%q is another than itself", s)
		}
		_ = v.Check()
	})
}

// FuzzLocation: where people, and the controller, say that a repository is.
func FuzzLocation(f *testing.F) {
	for _, s := range []string{"/srv/r", "ssh://u@h:22/./r", "u@h:r", "-o", "ssh://-oProxyCommand=x/r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLocation(s)
		if err != nil {
			return
		}
		if hasControl(s) || strings.HasPrefix(s, "-") || strings.HasPrefix(l.Host, "-") {
			t.Errorf("%q is %+v", s, l)
		}
	})
}
