package jobdir

import (
	"errors"
	"os"
	"reflect"
	"testing"
	"time"

	"borgfleet/shared/job"
)

func TestHooksOnDisk(t *testing.T) {
	d := newDir(t)
	if h, err := d.Hooks(); err != nil || h.Open || h.Runs != nil {
		t.Errorf("%+v %v", h, err)
	}
	want := Hooks{Open: true, Broken: 1, Runs: []HookRun{{Time: job.HookBefore, Index: 1, Name: "b", Ended: true, Problem: "x", NotNow: true}, {Time: job.HookAlways, Name: "a"}}}
	for range 2 { // the second takes the place of the first
		must(t, d.SetHooks(want))
	}
	if h, err := d.Hooks(); err != nil || !reflect.DeepEqual(h, want) {
		t.Errorf("%+v %v", h, err)
	}
	if v, err := d.Judged(); v != nil || err != nil {
		t.Errorf("%+v %v", v, err)
	}
	judged := job.Verdict{Status: job.Failed, ErrorCode: "x", ErrorMessage: "y", EndedAt: time.Unix(7, 0).UTC()}
	must(t, d.SetJudged(judged))
	if v, err := d.Judged(); err != nil || v == nil || !v.Agrees(judged) || v.ErrorMessage != "y" {
		t.Errorf("%+v %v", v, err)
	}
	if d.Ended() {
		t.Error("what became of borg is no verdict yet")
	}
	for _, name := range []string{fileHooks, fileJudged} {
		b, err := os.ReadFile(d.file(name))
		must(t, err)
		b[len(b)-1] ^= 1
		must(t, os.WriteFile(d.file(name), b, 0o600))
	}
	_, err := d.Hooks()
	_, err2 := d.Judged()
	if !errors.Is(err, ErrDamaged) || !errors.Is(err2, ErrDamaged) {
		t.Error(err, err2)
	}
}
