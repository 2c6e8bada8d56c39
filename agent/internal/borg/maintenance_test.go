package borg

import (
	"strings"
	"testing"
	"time"

	"borgfleet/shared/job"

	"github.com/google/go-cmp/cmp"
)

func TestMaintenanceArgs(t *testing.T) {
	const repo = "ssh://backup@host.example:2222/./repo"
	keep := func(k job.Keep, dry bool) job.Spec {
		return job.Spec{Kind: job.Prune, Repository: testRepo(), Prune: &job.PruneSpec{Keep: k, DryRun: dry}}
	}
	check := func(c job.CheckSpec) func() (Invocation, error) {
		return func() (Invocation, error) {
			return Check(testHost(), job.Spec{Repository: testRepo(), Check: &c})
		}
	}
	newest := Version{Major: 1, Minor: 4, Patch: 1}
	for _, tt := range []struct {
		name string
		make func() (Invocation, error)
		want string
	}{
		{"prune", func() (Invocation, error) {
			return Prune(testHost(), keep(job.Keep{Hourly: 1, Daily: 2, Weekly: 3, Monthly: 4, Quarterly: 5, Yearly: 6, Within: "7d"}, false), "web-*", newest)
		}, "--log-json --progress --lock-wait=10 prune --list --stats --glob-archives=web-* --keep-hourly=1 --keep-daily=2 --keep-weekly=3 --keep-monthly=4 --keep-3monthly=5 --keep-yearly=6 --keep-within=7d -- " + repo},
		{"dry run", func() (Invocation, error) { return Prune(testHost(), keep(job.Keep{Daily: 2}, true), "-x*", newest) },
			"--log-json --progress --lock-wait=10 prune --list --dry-run --glob-archives=-x* --keep-daily=2 -- " + repo},
		{"compact", func() (Invocation, error) { return Compact(testHost(), job.Spec{Repository: testRepo()}) },
			"--log-json --info --progress --lock-wait=10 compact -- " + repo},
		{"check", func() (Invocation, error) { return Check(testHost(), job.Spec{Repository: testRepo()}) },
			"--log-json --info --progress --lock-wait=10 check -- " + repo},
		{"check of nothing in particular", check(job.CheckSpec{}), "--log-json --info --progress --lock-wait=10 check -- " + repo},
		{"a part of it", check(job.CheckSpec{MaxDuration: 90 * time.Second}),
			"--log-json --info --progress --lock-wait=10 check --repository-only --max-duration=90 -- " + repo},
		{"the same, said", check(job.CheckSpec{MaxDuration: 90 * time.Second, Depth: job.CheckRepository}),
			"--log-json --info --progress --lock-wait=10 check --repository-only --max-duration=90 -- " + repo},
		{"segments", check(job.CheckSpec{Depth: job.CheckRepository}), "--log-json --info --progress --lock-wait=10 check --repository-only -- " + repo},
		{"archives", check(job.CheckSpec{Depth: job.CheckArchives}), "--log-json --info --progress --lock-wait=10 check --archives-only -- " + repo},
		{"data", check(job.CheckSpec{Depth: job.CheckData}), "--log-json --info --progress --lock-wait=10 check --verify-data -- " + repo},
		{"break-lock", func() (Invocation, error) { return BreakLock(testHost(), job.Spec{Repository: testRepo()}) },
			"--log-json --progress --lock-wait=10 break-lock -- " + repo},
	} {
		inv, err := tt.make()
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, strings.Join(inv.Args, " ")); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
	for what, make := range map[string]func() (Invocation, error){
		"no rule":    func() (Invocation, error) { return Prune(testHost(), keep(job.Keep{}, false), "*", newest) },
		"no prune":   func() (Invocation, error) { return Prune(testHost(), job.Spec{Repository: testRepo()}, "*", newest) },
		"no pattern": func() (Invocation, error) { return Prune(testHost(), keep(job.Keep{Daily: 1}, false), "", newest) },
		"a placeholder": func() (Invocation, error) {
			return Prune(testHost(), keep(job.Keep{Daily: 1}, false), "{user}*", newest)
		},
		"option in span": func() (Invocation, error) {
			return Prune(testHost(), keep(job.Keep{Within: "1d --force"}, false), "*", newest)
		},
		"negative time":      check(job.CheckSpec{MaxDuration: -1}),
		"archives in a time": check(job.CheckSpec{MaxDuration: time.Hour, Depth: job.CheckArchives}),
		"data in a time":     check(job.CheckSpec{MaxDuration: time.Hour, Depth: job.CheckData}),
		"an option":          check(job.CheckSpec{Depth: "--repair"}),
		"path with an option": func() (Invocation, error) {
			return Compact(testHost(), job.Spec{Repository: job.Repository{Path: "--force", Encryption: "none"}})
		},
	} {
		if inv, err := make(); CodeOf(err) != CodeBadRequest {
			t.Errorf("%s: %v, %v", what, inv, err)
		}
	}
	_, err := Prune(testHost(), keep(job.Keep{Quarterly: 1}, false), "*", Version{Major: 1, Minor: 4})
	if CodeOf(err) != job.CodeBorgVersion || !strings.Contains(err.Error(), "1.4.1") {
		t.Errorf("quarters with borg 1.4.0: %v", err)
	}
}

// TestUpkeepOfSamples reads what real borgs said.
func TestUpkeepOfSamples(t *testing.T) {
	for _, version := range []string{"1.2.4", "1.4.0", "1.4.5"} {
		said := sampleOutcome(t, version+"/prune_list", job.Prune).Tracker.Upkeep()
		if want := (Upkeep{Removed: 1, Kept: 1}); said != want {
			t.Errorf("%s: prune said %+v", version, said)
		}
		said = sampleOutcome(t, version+"/compact", job.Compact).Tracker.Upkeep()
		if said.Freed == nil || *said.Freed < 2000 || *said.Freed > 3000 || !said.Done {
			t.Errorf("%s: compact said %+v", version, said)
		}
		if said = sampleOutcome(t, version+"/check", job.Check).Tracker.Upkeep(); !said.Done {
			t.Errorf("%s: check said %+v", version, said)
		}
	}
}

func TestUpkeepWords(t *testing.T) {
	const id, date = "f7bc431f39001cf23728bf85aa15f17563fc2eacecc8dbf5439916b8f169ebfc", "Mon, 2026-11-23 05:05:44"
	line := func(logger, text string) Event {
		e := Event{Kind: Log, Level: job.LevelInfo, Logger: logger, Text: text}
		if strings.HasSuffix(text, "s found.") && !strings.Contains(text, "no problems") {
			e.Level = job.LevelError
		}
		return e
	}
	for _, tt := range []struct {
		logger, text string
		want         Upkeep
		removed      string // name of the archive that the line removes
	}{
		{listLogger, "Pruning archive (1/3):                   web-3                                " + date + " [" + id + "]", Upkeep{Removed: 1}, "web-3"},
		{listLogger, "Pruning archive (12/300): a  b): c [x] " + date + " [" + id + "]", Upkeep{Removed: 1}, "a  b): c [x]"},
		{listLogger, "Pruning archive (1/3):   web-3.checkpoint  " + date + " [" + id + "]", Upkeep{}, "web-3.checkpoint"},
		{listLogger, "Keeping archive (rule: daily[oldest] #1):   web-3  " + date + " [" + id + "]", Upkeep{Kept: 1}, ""},
		{listLogger, "Keeping checkpoint archive:   web-3.checkpoint  " + date + " [" + id + "]", Upkeep{}, ""},
		{listLogger, "Would prune:      Pruning archive (1/3): x  " + date + " [" + id + "]", Upkeep{WouldGo: 1}, ""},
		{listLogger, "Pruning archive (1/3):   web-3  " + date + " [" + id[1:] + "]", Upkeep{}, ""},
		{"borg.archive", "Pruning archive (1/3):   web-3  " + date + " [" + id + "]", Upkeep{}, ""},
		{statsLogger, "Deleted data:             -902.46 kB           -902.10 kB           -902.10 kB", Upkeep{Done: true}, ""},
		{"borg.archive", "Archive consistency check complete, no problems found.", Upkeep{Done: true}, ""},
		{"borg.repository", "Remote: Finished partial repository check, no problems found.", Upkeep{Done: true}, ""},
		{"borg.archive", "Archive consistency check complete, problems found.", Upkeep{Done: true}, ""},
		{"borg.repository", "Finished full repository check, no problems found.", Upkeep{Segments: true}, ""}, // the archives may come after that
		{"borg.repository", "Remote: Finished full repository check, errors found.", Upkeep{Segments: true, Done: true}, ""},
		{"borg.archive", "Finished full repository check, errors found.", Upkeep{}, ""},
	} {
		var tr Tracker
		e := line(tt.logger, tt.text)
		tr.Observe(e)
		if got := tr.Upkeep(); got != tt.want {
			t.Errorf("%s: %+v", tt.text, got)
		}
		if a, ok := e.RemovedArchive(); ok != (tt.removed != "") || a.Name != tt.removed || ok && a.ID != id {
			t.Errorf("%s: removes %+v", tt.text, a)
		}
	}
	for text, want := range map[string]int64{
		"compaction freed about 0 B repository space.":               0,
		"compaction freed about 585 B repository space.":             585,
		"Remote: compaction freed about 2.32 kB repository space.":   2320,
		"compaction freed about 3.36 GB repository space.":           3_360_000_000,
		"compaction freed about -1.00 kB repository space.":          0,
		"compaction freed about 9999999999.99 YB repository space.":  -1,
		"compaction freed about 1.2.3 kB repository space.":          0,
		"compaction freed about nothing.":                            -2,
		"I say: compaction freed about 1.00 kB repository space.":    -2,
		"compaction freed about 1.00 kB repository space. Really so": -2,
	} {
		var tr Tracker
		tr.Observe(line("borg.repository", text))
		got := tr.Upkeep().Freed
		switch {
		case want == -2 && got != nil, want != -2 && got == nil:
			t.Errorf("%s: %v", text, got)
		case want >= 0 && *got != want, want == -1 && *got < 0:
			t.Errorf("%s: %d", text, *got)
		}
	}
}

func TestDamaged(t *testing.T) {
	var tr Tracker
	tr.Observe(Event{Kind: Log, Level: job.LevelError, Logger: "borg.repository", Text: "Data integrity error: Segment entry checksum mismatch [segment 14, offset 8]"})
	v := Damaged(Classify(Outcome{Kind: job.Check, Exit: Exit{Code: 1}, ExitKnown: true, Tracker: &tr}), &tr)
	if v.Status != job.Failed || v.ErrorCode != CodeRepoCorrupt || !strings.Contains(v.ErrorMessage, "checksum mismatch") || v.Progress.Percent != 0 {
		t.Errorf("%+v", v)
	}
	for exception, want := range map[string]string{
		"borg.crypto.low_level.IntegrityError: MAC Authentication failed":   CodeRepoCorrupt,
		"FileNotFoundError: [Errno 2] No such file or directory: '/r/data'": CodeBorgCrashed,
		"OSError: IntegrityError": CodeBorgCrashed,
	} {
		var tr Tracker
		tr.Observe(Event{Kind: Log, Level: job.LevelError, MsgID: "Exception", Logger: "borg.archiver", Text: "Local Exception"})
		tr.Observe(Event{Kind: Log, Level: job.LevelError, Logger: "borg.archiver", Text: tracebackHead + "\n  File \"x\"\n" + exception + "\n\nPlatform: Linux"})
		v := Damaged(Classify(Outcome{Kind: job.Check, Exit: Exit{Code: 2}, ExitKnown: true, Tracker: &tr}), &tr)
		if v.Status != job.Failed || v.ErrorCode != want || !strings.Contains(v.ErrorMessage, exception) || strings.Contains(v.ErrorMessage, "found damage") != (want == CodeRepoCorrupt) {
			t.Errorf("%s: %+v", exception, v)
		}
	}
	good := Classify(Outcome{Kind: job.Check, ExitKnown: true, Tracker: &Tracker{}})
	if v := Damaged(good, &Tracker{}); v.Status != job.Completed {
		t.Errorf("%+v", v)
	}
}
