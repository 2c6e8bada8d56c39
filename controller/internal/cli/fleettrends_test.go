package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
)

const trendsAsked = "GET /api/fleet/trends"

func trendDay(date string, completed, failed, read, added int64) rest.TrendDay {
	d := rest.TrendDay{Date: date, Trend: rest.Trend{
		Jobs: completed + failed, Completed: completed, Failed: failed, OriginalSize: read, DeduplicatedSize: added, TimedJobs: completed,
	}}
	if d.Jobs > 0 {
		d.SuccessRate = ptr(float64(completed) / float64(d.Jobs))
	}
	if completed > 0 {
		d.DurationSeconds, d.MeanDurationSeconds = ptr(90*completed), ptr(90.)
	}
	return d
}

func sampleTrends() rest.Trends {
	return rest.Trends{Days: []rest.TrendDay{
		trendDay("2026-02-27", 3, 0, 4e9, 1e6), trendDay("2026-02-28", 0, 0, 0, 0), trendDay("2026-03-01", 2, 1, 2e9, 4e6),
	}, Total: trendDay("", 5, 1, 6e9, 5e6).Trend}
}

// In a pipe there are figures alone, in columns that can be counted.
func TestTrendsInAPipe(t *testing.T) {
	f := newFake(t, map[string][]answer{trendsAsked: ok(sampleTrends())})
	f.command("", "fleet", "trends", "--days", "3", "--agent", "web1", "--repository", "r", "--label", "a=b", "--kind", "prune", "--kind", "check").want(t, 0, `DAY         JOBS  OK  FAILED  CANCELLED  SUCCESS    READ   ADDED    TIME
2026-02-27     3   3       0          0    100 %  4.0 GB  1.0 MB  1m 30s
2026-02-28     0   0       0          0        -     0 B     0 B       -
2026-03-01     3   2       1          0     66 %  2.0 GB  4.0 MB  1m 30s
all            6   5       1          0     83 %  6.0 GB  5.0 MB  1m 30s
`, "")
	if got, want := f.heard()[0], trendsAsked+"?agent=web1&days=3&kind=prune&kind=check&label=a%3Db&repository=r"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	var out rest.Trends
	r := f.command("", "fleet", "trends", "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &out); err != nil || r.code != 0 || len(out.Days) != 3 || out.Days[1].SuccessRate != nil {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestTrendsRefused(t *testing.T) {
	f := newFake(t, nil)
	for _, c := range []struct {
		says string
		args []string
	}{
		{"--days is from 1 to 800, not 0", []string{"--days", "0"}},
		{"--days is from 1 to 800, not 801", []string{"--days", "801"}},
		{"--agent is empty; leave it out to have no such filter", []string{"--agent", ""}},
		{`--label: "x" is not a label: write key=value`, []string{"--label", "x"}},
		{`--kind: "copy" is none of `, []string{"--kind", "copy"}},
	} {
		for _, command := range [][]string{{"fleet", "trends"}, {"jobs", "list"}, {"fleet", "hosts"}} {
			if command[1] != "trends" && (c.args[0] == "--days" || command[1] == "hosts" && c.args[0] == "--kind") {
				continue
			}
			if r := f.command("", append(command, c.args...)...); r.code != 2 || !strings.Contains(r.err, c.says) {
				t.Errorf("%s %s: %+v", command, c.args, r)
			}
		}
	}
}

// On a terminal there are bars; without Unicode of ASCII alone.
func TestTrendsOnTerminals(t *testing.T) {
	f := newFake(t, map[string][]answer{trendsAsked: ok(sampleTrends())})
	for locale, bars := range map[string][2]string{"C.UTF-8": {"██████████  1.0 MB  ██▌", "█████       4.0 MB  ██████████"}, "C": {"##########  1.0 MB  ##", "#####       4.0 MB  ##########"}} {
		t.Setenv("LC_ALL", locale)
		t.Setenv("TERM", "xterm")
		screen, code := f.onTerminal(110, 20, "", "", "fleet", "trends")
		rows := strings.Split(screen, "\n")
		if code != 0 || len(rows) != 5 || !strings.Contains(rows[1], "4.0 GB  "+bars[0]) || !strings.Contains(rows[3], "2.0 GB  "+bars[1]) {
			t.Errorf("%s: %d\n%s", locale, code, screen)
		}
		if strings.ContainsFunc(screen, func(r rune) bool { return r > '~' }) != (locale != "C") {
			t.Errorf("%s:\n%s", locale, screen)
		}
		screen, _ = f.onTerminal(50, 20, "", "", "fleet", "trends")
		for row := range strings.SplitSeq(screen, "\n") {
			if len([]rune(row)) > 50 {
				t.Errorf("%d columns: %s", len([]rune(row)), row)
			}
		}
	}
}

func TestTrendsWatched(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	later := sampleTrends()
	later.Days = later.Days[1:]
	f := newFake(t, map[string][]answer{trendsAsked: {{200, sampleTrends()}, {200, later}}})
	screen, code := f.onTerminal(110, 20, "", "\n2026-02-28", "fleet", "trends", "-w", "--interval", "500ms")
	if code != 130 || !strings.Contains(screen, "every 500ms: borgfleet-controller fleet trends -w") {
		t.Errorf("%d\n%s", code, screen)
	}
}

// The summary has small columns where they can be shown, and is as it was where not.
func TestSummaryShowsDays(t *testing.T) {
	s := rest.Summary{Days: []rest.TrendDay{trendDay("2026-02-27", 4, 0, 4e9, 1e6), trendDay("2026-02-28", 0, 0, 0, 0), trendDay("2026-03-01", 2, 0, 2e9, 4e6)}}
	f := newFake(t, map[string][]answer{"GET /api/fleet/summary": ok(s)})
	t.Setenv("TERM", "xterm")
	t.Setenv("LC_ALL", "C.UTF-8")
	screen, code := f.onTerminal(80, 20, "", "", "fleet", "summary")
	if want := `Good, 3 days  █ ▅  at most 4 a day
Failed        none
Read          █ ▅  at most 4.0 GB a day
Added         ▃ █  at most 4.0 MB a day`; code != 0 || !strings.HasSuffix(screen, want) {
		t.Errorf("%d\n%s\nwant\n%s", code, screen, want)
	}
	if r := f.command("", "fleet", "summary"); strings.Contains(r.out, "days") || r.code != 0 {
		t.Errorf("%+v", r)
	}
	s.Backups = []rest.SummarySpan{{Hours: 24, Jobs: 3, Completed: 2, Failed: 1}}
	f = newFake(t, map[string][]answer{"GET /api/fleet/summary": ok(s)})
	if screen, _ := f.onTerminal(40, 20, "", "", "fleet", "summary"); !strings.Contains(screen, "FAILED") {
		t.Errorf("what failed does not fit any more:\n%s", screen)
	}
	t.Setenv("LC_ALL", "C")
	if screen, _ := f.onTerminal(80, 20, "", "", "fleet", "summary"); strings.ContainsFunc(screen, func(r rune) bool { return r > '~' }) {
		t.Errorf("%s", screen)
	}
}
