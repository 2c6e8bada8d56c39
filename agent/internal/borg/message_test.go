package borg

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"borgfleet/shared/job"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseLine(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		want       Event
	}{
		{"progress", `{"original_size": 25086116, "compressed_size": 25087492, "deduplicated_size": 25087491, "nfiles": 22, "path": "srv/data/rnd150", "time": 1795406473.5, "type": "archive_progress", "finished": false}`,
			Event{Kind: Progress, Time: 1795406473.5, Counters: Counters{25086116, 25087492, 25087491, 22, "srv/data/rnd150"}}},
		{"progress end", `{"time": 1795406475.5, "type": "archive_progress", "finished": true}`,
			Event{Kind: Progress, Time: 1795406475.5, Finished: true}},
		{"progress of 2.0", `{"original_size": 1, "nfiles": 2, "files_stats": {"A": 22, "d": 2, "type": "x"}, "store_stats": {}, "path": "p", "time": 1, "type": "archive_progress", "finished": false}`,
			Event{Kind: Progress, Time: 1, Counters: Counters{OriginalSize: 1, NFiles: 2, Path: "p"}}},
		{"file", `{"type": "file_status", "status": "A", "path": "/srv/h\u00f6llo \ud83d\ude00\n"}`,
			Event{Kind: FileStatus, Status: "A", Path: "/srv/höllo 😀\n"}},
		{"file, other order", `{"path":"/a\"b\\","status":"U","type":"file_status"}`,
			Event{Kind: FileStatus, Status: "U", Path: `/a"b\`}},
		{"file, raw byte", `{"type": "file_status", "status": "A", "path": "/bad\udcffname"}`,
			Event{Kind: FileStatus, Status: "A", Path: "/bad\xffname"}},
		{"log", `{"type": "log_message", "time": 2, "message": "m", "levelname": "WARNING", "name": "borg.archiver", "msgid": "BackupFileNotFoundError"}`,
			Event{Kind: Log, Time: 2, Text: "m", Level: job.LevelWarning, Logger: "borg.archiver", MsgID: "BackupFileNotFoundError"}},
		{"critical", `{"type": "log_message", "message": "m", "levelname": "CRITICAL"}`,
			Event{Kind: Log, Text: "m", Level: job.LevelError}},
		{"percent", `{"message": "Verifying data   0.13%", "current": 132, "total": 100599, "info": null, "operation": 2, "msgid": "check.verify_data", "type": "progress_percent", "finished": false, "time": 3}`,
			Event{Kind: ProgressPercent, Time: 3, MsgID: "check.verify_data", Text: "Verifying data   0.13%", Current: 132, Total: 100599}},
		{"percent with info", `{"message": "m", "current": 1, "total": 2, "info": ["a", {"b": "]}"}], "msgid": "extract", "type": "progress_percent", "finished": false}`,
			Event{Kind: ProgressPercent, MsgID: "extract", Text: "m", Current: 1, Total: 2}},
		{"operation end", `{"operation": 2, "msgid": "cache.commit", "type": "progress_message", "finished": true, "time": 4}`,
			Event{Kind: ProgressMessage, Time: 4, MsgID: "cache.commit", Finished: true}},
		{"question", `{"type": "question_prompt", "msgid": "BORG_RELOCATED_REPO_ACCESS_IS_OK", "message": "Continue? [yN] "}`,
			Event{Kind: Question, Subtype: "question_prompt", MsgID: "BORG_RELOCATED_REPO_ACCESS_IS_OK", Text: "Continue? [yN] "}},
		{"after a prompt", `Enter passphrase for key /r: {"type": "log_message", "message": "m", "levelname": "ERROR", "msgid": "NoPassphraseFailure"}`,
			Event{Kind: Log, Text: "m", Level: job.LevelError, MsgID: "NoPassphraseFailure", Prefix: "Enter passphrase for key /r: "}},
		{"not JSON", `usage: borg [-V]`, Event{Kind: Raw, Text: "usage: borg [-V]"}},
		{"empty", ``, Event{Kind: Raw}},
		{"unknown type", `{"type": "new_thing", "x": 1}`, Event{Kind: Raw, Text: `{"type": "new_thing", "x": 1}`}},
		{"no type", `{"a": "log_message"}`, Event{Kind: Raw, Text: `{"a": "log_message"}`}},
		{"cut off", `{"type": "file_status", "status": "A", "pa`, Event{Kind: Raw, Text: `{"type": "file_status", "status": "A", "pa`}},
		{"garbage after", `{"type": "file_status"} x`, Event{Kind: Raw, Text: `{"type": "file_status"} x`}},
		{"trailing comma", `{"type": "file_status",}`, Event{Kind: Raw, Text: `{"type": "file_status",}`}},
		{"type in a path", `{"status": "A", "path": "\"type\": \"log_message\"", "type": "file_status"}`,
			Event{Kind: FileStatus, Status: "A", Path: `"type": "log_message"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ParseLine([]byte(tt.line))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRecord(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		level      job.Level
		text       string
	}{
		{"file", `{"type": "file_status", "status": "A", "path": "/x"}`, job.LevelInfo, "A /x"},
		{"file with newline", `{"type": "file_status", "status": "M", "path": "/a\nError: no\t\u001b[2J\u009b"}`, job.LevelInfo, `M /a\nError: no\t\x1b[2J\u009b`},
		{"file, raw byte", `{"type": "file_status", "status": "A", "path": "/bad\udcffname"}`, job.LevelInfo, `A /bad\xffname`},
		{"info", `{"type": "log_message", "message": "Creating archive\n", "levelname": "INFO"}`, job.LevelInfo, "Creating archive"},
		{"warning", `{"type": "log_message", "message": "/x: nope", "levelname": "WARNING"}`, job.LevelWarning, "Warning: /x: nope"},
		{"error", `{"type": "log_message", "message": "gone", "levelname": "ERROR"}`, job.LevelError, "Error: gone"},
		{"error, said by borg", `{"type": "log_message", "message": "\nError:\n\nOSError: x", "levelname": "ERROR"}`, job.LevelError, "Error:\n\nOSError: x"},
		{"traceback", `{"type": "log_message", "message": "Traceback:\n\tline\u0007\n", "levelname": "ERROR"}`, job.LevelError, "Error: Traceback:\n\tline\\x07"},
		{"nested progress", `{"type": "log_message", "message": "Initializing", "levelname": "INFO", "name": "borg.output.progress"}`, 0, ""},
		{"empty", `{"type": "log_message", "message": "", "levelname": "INFO", "name": "borg.archiver"}`, 0, ""},
		{"progress", `{"type": "archive_progress", "finished": true}`, 0, ""},
		{"percent", `{"type": "progress_percent", "message": "x", "current": 1, "total": 2}`, 0, ""},
		{"message", `{"type": "progress_message", "message": "x"}`, 0, ""},
		{"prompt", `{"type": "question_prompt", "message": "Warning: Attempting!\nDo you? [yN] "}`, job.LevelWarning, "Warning: Attempting!\nDo you? [yN]"},
		{"answer", `{"type": "question_env_answer", "message": "no (from X)"}`, 0, ""},
		{"refusal", `{"type": "question_accepted_false", "message": "Aborting."}`, job.LevelInfo, "Aborting."},
		{"raw", "plain \xff\x1b[0m", job.LevelWarning, `plain \xff\x1b[0m`},
		{"raw blank", "  ", 0, ""},
		{"unknown type", `{"type": "new_thing"}`, job.LevelWarning, `{"type": "new_thing"}`},
		{"after a prompt", `Enter passphrase: {"type": "log_message", "message": "m", "levelname": "ERROR"}`, job.LevelError, "Enter passphrase: Error: m"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			level, text, keep := ParseLine([]byte(tt.line)).Record()
			if level != tt.level || text != tt.text || keep != (tt.text != "") {
				t.Errorf("got %d, %q, %v; want %d, %q", level, text, keep, tt.level, tt.text)
			}
		})
	}
}

// samples are real outputs of all versions.
func samples(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples %s: %v", pattern, err)
	}
	out := make(map[string][]byte)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimPrefix(f, "testdata/")] = b
	}
	return out
}

// wire is the same messages read by encoding/json.
type wire struct {
	Type           string
	OriginalSize   float64 `json:"original_size"`
	CompressedSize float64 `json:"compressed_size"`
	DedupSize      float64 `json:"deduplicated_size"`
	NFiles         float64
	Path, Status   string
	Message, MsgID string
	Time           float64
	Finished       bool
	Current, Total float64
	Name           string
}

func TestParseLineAgreesWithEncodingJSON(t *testing.T) {
	lines := 0
	for name, b := range samples(t, "*/*.stderr") {
		for line := range bytes.Lines(b) {
			line = bytes.TrimRight(line, "\n")
			var w wire
			if json.Unmarshal(line, &w) != nil {
				continue
			}
			lines++
			e := ParseLine(line)
			if e.Kind == Raw {
				t.Errorf("%s: not understood: %s", name, line)
				continue
			}
			got := wire{Type: w.Type, Path: e.Path + e.Counters.Path, Status: e.Status, Message: e.Text, MsgID: e.MsgID, Time: e.Time, Finished: e.Finished,
				Current: float64(e.Current), Total: float64(e.Total), Name: e.Logger,
				OriginalSize: float64(e.Counters.OriginalSize), CompressedSize: float64(e.Counters.CompressedSize),
				DedupSize: float64(e.Counters.DedupSize), NFiles: float64(e.Counters.NFiles)}
			if diff := cmp.Diff(w, got); diff != "" {
				t.Errorf("%s: %s\n%s", name, line, diff)
			}
		}
	}
	if lines < 500 {
		t.Errorf("only %d lines compared", lines)
	}
}

func checkRecord(t testing.TB, line []byte) {
	t.Helper()
	e := ParseLine(line)
	level, text, keep := e.Record()
	if !utf8.ValidString(text) {
		t.Fatalf("%q became invalid UTF-8: %q", line, text)
	}
	for _, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			t.Fatalf("%q kept a control character: %q", line, text)
		}
	}
	if e.Kind == FileStatus && strings.ContainsAny(text, "\n\t") {
		t.Fatalf("a file name made a line of its own: %q", text)
	}
	if keep != (text != "") || keep && (level < job.LevelDebug || level > job.LevelError) {
		t.Fatalf("%q: keep %v, level %d, text %q", line, keep, level, text)
	}
	if e.Kind == Raw && len(bytes.TrimSpace(line)) > 0 && !keep {
		t.Fatalf("%q was lost", line)
	}
	var tr Tracker
	tr.Observe(e)
	_ = Classify(Outcome{Kind: job.Backup, Exit: Exit{Code: 2}, ExitKnown: true, Tracker: &tr})
}

func FuzzParseLine(f *testing.F) {
	for _, b := range samples(f, "*/create_*.stderr") {
		for line := range bytes.Lines(b) {
			f.Add(line)
		}
	}
	f.Add([]byte(`{"type":"file_status","path":"\ud800\udc00\udcff\u12"}`))
	f.Add([]byte(`x{"type":"log_message","message":{"a":["}"]}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		line = bytes.ReplaceAll(line, []byte("\n"), nil)
		checkRecord(t, line)
		var w map[string]any
		e := ParseLine(line)
		// What we understand is an object in encoding/json's eyes, and the
		// other way round for the types that there are.
		if json.Unmarshal(line, &w) == nil && utf8.Valid(line) && !bytes.Contains(line, []byte(`\`)) {
			switch w["type"] {
			case "file_status", "archive_progress", "log_message", "progress_percent", "progress_message":
				if strings.Count(string(line), `"type"`) == 1 && e.Kind == Raw {
					t.Fatalf("valid JSON was not understood: %s", line)
				}
			}
		}
	})
}

func TestRecordIsCleanProperty(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := rapid.String().Draw(rt, "path")
		line, err := json.Marshal(map[string]any{"type": "file_status", "status": "A", "path": path})
		if err != nil {
			rt.Fatal(err)
		}
		checkRecord(t, line)
		if got := ParseLine(line).Path; got != path {
			rt.Fatalf("path %q became %q", path, got)
		}
	})
}

func BenchmarkFileStatus(b *testing.B) {
	line := []byte(`{"type": "file_status", "status": "A", "path": "/srv/example/data/fx/sub/directory/some-file-name.txt"}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		ParseLine(line).Record()
	}
}

func BenchmarkProgress(b *testing.B) {
	line := []byte(`{"original_size": 25086116, "compressed_size": 25087492, "deduplicated_size": 25087492, "nfiles": 22, "path": "srv/data/rnd150", "time": 1795406473.139637, "type": "archive_progress", "finished": false}`)
	b.ReportAllocs()
	for b.Loop() {
		ParseLine(line)
	}
}
