package borg

import (
	"strings"
	"testing"

	"borgfleet/shared/job"
)

// TestGoneSource: a disk that is not mounted is more than a file that vanished.
func TestGoneSource(t *testing.T) {
	const why = "[Errno 2] No such file or directory: 'x'"
	gone := func(said string) string { return logLine("WARNING", "BackupFileNotFoundError", said+why) }
	gone12 := func(said string) string { return logLine("WARNING", "", said+why) }
	many := strings.Split("/a /b /c /d /e /f /g", " ")
	var all string
	for _, s := range many {
		all += gone(s + ": stat: ")
	}
	for _, tt := range []struct {
		name, stderr string
		sources      []string
		want         string
	}{
		{"borg 1.4", gone("/srv/www2: stat: "), []string{"/srv/www1", "/srv/www2"}, "source /srv/www2 is not there"},
		{"borg 1.2", gone12("/srv/www2: "), []string{"/srv/www1", "/srv/www2"}, "source /srv/www2 is not there"},
		{"as it is given to borg", gone("/srv/www2: stat: "), []string{"/srv//www2/."}, "source /srv/www2 is not there"},
		{"beside others", gone("/srv/www2: stat: ") + gone("/srv/www1/a: open: ") + logLine("WARNING", "FileChangedWarning", "x"), []string{"/srv/www1", "/srv/www2"},
			"source /srv/www2 is not there; 1 file could not be read: vanished (1); 1 file changed while being read"},
		{"two", gone("/b: stat: ") + gone("/c: stat: "), many, "2 sources are not there: /b, /c"},
		{"many", all, many, "7 sources are not there: /a, /b, /c, /d, /e, …"},
		{"a file below it", gone("/srv/www2/x: stat: "), []string{"/srv/www2"}, "1 file could not be read: vanished (1)"},
		{"closed is not gone", logLine("WARNING", "BackupPermissionError", "/srv/www2: stat: [Errno 13] Permission denied: 'x'"), []string{"/srv/www2"}, "1 file could not be read: permission denied (1)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var tr Tracker
			tr.ExpectSources(tt.sources)
			for line := range strings.Lines(tt.stderr) {
				tr.Observe(ParseLine([]byte(line)))
			}
			v := Classify(Outcome{Kind: job.Backup, Exit: Exit{Code: 1}, ExitKnown: true, Tracker: &tr, Stdout: []byte(`{"archive": {"id": "a", "name": "b"}}`)})
			if v.ErrorMessage != tt.want || v.Status != job.CompletedWithWarnings {
				t.Errorf("%s %q, want %q", v.Status, v.ErrorMessage, tt.want)
			}
			if n := strings.Count(tt.stderr, "\n"); tr.WarningCount() != n {
				t.Errorf("%d warnings of %d", tr.WarningCount(), n)
			}
		})
	}
}
