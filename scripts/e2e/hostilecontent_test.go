package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostileTexts are what somebody may call a file, to hurt who reads of it.
func hostileTexts() map[string]string {
	return map[string]string{
		"terminal":  "\x1b[2J\x1b]0;title\a",
		"C1":        "\u009b31m\u0085",
		"bidi":      "\u202egpj.exe\u2066",
		"HTML":      "<script>alert(1)<" + "\\script>",
		"CSV":       "=cmd|' \\c calc'!A1",
		"event":     "x\n\nevent: status\ndata: {}\n\nid: 9",
		"headers":   "x\r\n\r\nHTTP 1.1 200 OK",
		"a line":    "x\ntime=2026-01-01T00:00:00Z level=INFO msg=forged",
		"not UTF-8": "\xff\xfe\xc0\xaf",
		"long":      strings.Repeat("long", 60),
	}
}

// forTerminals has nothing that a terminal takes for a command, but rows.
func forTerminals(t *testing.T, what, out string) {
	t.Helper()
	if at := regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]").FindStringIndex(out); at != nil {
		t.Errorf("%s has %q", what, out[max(0, at[0]-60):min(len(out), at[1]+60)])
	}
	if !utf8.ValidString(out) {
		t.Errorf("%s is not UTF-8", what)
	}
	for row := range strings.Lines(out) {
		if strings.HasPrefix(row, "time=") && strings.Contains(row, "msg=forged") {
			t.Errorf("%s has a forged line: %q", what, row)
		}
	}
}

// TestHostileContent: names of files, of a repository and of a label, in every
// output that there is.
func TestHostileContent(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	source := t.TempDir()
	texts := hostileTexts()
	for _, text := range texts {
		fatal(t, os.WriteFile(filepath.Join(source, text), []byte("x"), 0o600))
	}
	repo := repository{Name: "r", Path: filepath.Join(env.Repositories(), "r"), Sources: []string{source}, FileLog: "all"}
	register(t, env, repo)
	for name, text := range texts { // what is taken as a name at all
		body := repository{Name: text, Path: filepath.Join(env.Repositories(), "other-"+itoa(int64(len(name)))+name), Sources: []string{source}}.body(env)
		if err := env.API.Post("/api/repositories", body, &struct{}{}); err != nil {
			t.Logf("a repository is not called %q: %.200s", name, err)
		}
		if err := env.API.Do(http.MethodPatch, "/api/agents/host", map[string]any{"labels": map[string]string{"l": text}}, &struct{}{}); err != nil {
			t.Logf("a label is not %q: %.200s", name, err)
		}
	}
	j := backup(t, env, repo.Path)
	lines, err := env.API.Lines(j.ID)
	fatal(t, err)
	seen := 0
	for _, l := range lines {
		if strings.Contains(l.Content, "/") && strings.Contains(l.Content, filepath.Base(source)) {
			seen++
		}
		if strings.ContainsAny(l.Content, "\x00\x1b\a\u009b\u0085\r") || !utf8.ValidString(l.Content) {
			t.Errorf("line %d is %q", l.Number, l.Content)
		}
	}
	if seen < len(texts) {
		t.Errorf("%d lines name files, there are %d", seen, len(texts))
	}

	id := itoa(j.ID)
	for _, args := range [][]string{
		{"jobs", "list"}, {"jobs", "show", id}, {"jobs", "logs", id}, {"jobs", "follow", id},
		{"repositories", "list"}, {"agents", "list"}, {"agents", "show", "host"}, {"audit"},
	} {
		for _, form := range []string{"table", "json"} {
			full := slices.Concat(args[:min(2, len(args))], []string{"-o", form}, args[min(2, len(args)):])
			if slices.Contains(args, "logs") || slices.Contains(args, "follow") {
				full = args // they have one form
			}
			out, err := env.Controller.CLI(full...)
			if err != nil {
				t.Errorf("%v: %v", full, err)
			}
			forTerminals(t, strings.Join(args, " ")+" "+form, out)
		}
	}
	host := env.Hosts["host"]
	for _, args := range [][]string{{"status"}, {"jobs"}, {"logs", id}, {"logs", "-f", id}} {
		out, err := host.CLI(args...)
		if err != nil {
			t.Errorf("%v: %v", args, err)
		}
		forTerminals(t, "on the host: "+strings.Join(args, " "), out)
	}

	req := newRequest(t, env, http.MethodGet, "/api/backup/logs/"+id+"/download", "")
	req.Header.Set("Authorization", "Bearer "+env.API.Token)
	resp, err := env.API.HTTP.Do(req)
	fatal(t, err)
	defer resp.Body.Close()
	for name, want := range map[string]string{
		"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff",
		"Content-Disposition": `attachment; filename="backup_job_` + id + `_logs.txt"`,
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("the download's %s is %q", name, got)
		}
	}
	text, err := io.ReadAll(resp.Body)
	fatal(t, err)
	if strings.ContainsAny(string(text), "\x00\x1b\a\r\u009b") || strings.Contains(string(text), "\ntime=") {
		t.Errorf("the download has %q", text)
	}
	stream, err := env.API.Stream(t.Context(), "/api/backup/logs/"+id+"/stream", "")
	fatal(t, err)
	defer stream.Close()
	told := 0
	for {
		e, err := stream.Next()
		if err != nil {
			break
		}
		if e.Name == "line" {
			told++
		}
		if e.Name != "" && (!json.Valid(e.Data) || e.Name != "line" && string(e.Data) == "{}") {
			t.Errorf("an event %s with %q", e.Name, e.Data)
		}
	}
	if told != len(lines) {
		t.Errorf("%d events are lines, the log has %d", told, len(lines))
	}
	forTerminals(t, "the controller's own log", env.Controller.Output())
	forTerminals(t, "the agent's own log", host.Output())
}
