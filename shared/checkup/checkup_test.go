package checkup

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"borgfleet/shared/term"
)

func found(f Finding) func(context.Context) Finding {
	return func(context.Context) Finding { return f }
}

// Results come in order, also when a check is slow, and none can hold up the
// others for longer than its limit.
func TestRun(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	checks := []Check{
		{ID: "hangs", Limit: 20 * time.Millisecond, Run: func(context.Context) Finding { <-release; return Good("late") }},
		{ID: "heeds", Limit: 20 * time.Millisecond, Run: func(ctx context.Context) Finding { <-ctx.Done(); return Warning("wait", "slow") }},
	}
	for range 3 * atOnce {
		checks = append(checks, Check{ID: "good", Run: found(Good("all %s", "well"))})
	}
	var r Report
	if err := Run(t.Context(), checks, func(res Result) error { r.Add(res); return nil }); err != nil {
		t.Fatal(err)
	}
	first, second := r.Results[0], r.Results[1]
	if first.ID != "hangs" || first.State != Fail || first.Message != "no answer within 20ms" || second.Message != "slow" || second.Todo != "wait" {
		t.Errorf("%+v %+v", first, second)
	}
	if len(r.Results) != len(checks) || r.State != Fail || r.Results[2].Message != "all well" {
		t.Errorf("%+v", r)
	}
}

func TestRunIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	checks := []Check{{Run: func(ctx context.Context) Finding { cancel(); <-ctx.Done(); return Good("") }}}
	if err := Run(ctx, checks, func(Result) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReport(t *testing.T) {
	for _, tt := range []struct {
		states []State
		want   State
	}{
		{[]State{Skipped}, OK}, {[]State{OK, Skipped, OK}, OK}, {[]State{Warn, OK}, Warn}, {[]State{Warn, Fail, OK}, Fail},
	} {
		var r Report
		for _, s := range tt.states {
			r.Add(Result{State: s})
		}
		if r.State != tt.want {
			t.Errorf("%v: %s", tt.states, r.State)
		}
	}
}

func TestPrint(t *testing.T) {
	var b bytes.Buffer
	for _, r := range []Result{
		{Title: "State directory", State: OK, Message: "/var/lib/x", Todo: "nothing"},
		{Title: "Repository", Subject: "日本\x1b", State: Fail, Message: "it is\ngone\x1b[2J", Todo: "run one\nthen two"},
	} {
		if err := r.Print(term.On(&b)); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Join([]string{
		`ok       State directory         /var/lib/x`,
		`failed   Repository 日本\x1b     it is`,
		`    gone\x1b[2J`,
		`         -> run one`,
		`         -> then two`,
		``}, "\n")
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
