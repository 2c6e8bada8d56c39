package jobproc

import (
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// BenchmarkOwnPart measures what the job process adds: from its start until
// borg is executed, and from borg's exit to the verdict on the disk. borg is a
// script that does nothing, so that nothing of borg's own is measured.
func BenchmarkOwnPart(b *testing.B) {
	h := benchHost(b)
	steps := map[string][]float64{}
	for b.Loop() {
		file := h.path("times")
		os.Remove(file)
		d := h.order(h.spec(job.Backup, h.repo("a")))
		begin := time.Now()
		h.spawn(d, envTimes+"="+file).Wait()
		last := begin
		for name, at := range times(b, file) {
			steps[name] = append(steps[name], ms(at.Sub(begin)))
			steps["+"+name] = append(steps["+"+name], ms(at.Sub(last)))
			last = at
		}
	}
	b.ReportMetric(median(steps[PointExecuted]), "ms/exec")
	b.ReportMetric(median(steps["+left"])+median(steps["+"+PointJudged]), "ms/exit-to-verdict")
	for _, name := range []string{"main", PointOpened, PointStarted, PointExecuted, PointExited, PointJudged, "left"} {
		b.Logf("%-10s at %7.2f ms, step %6.2f ms (medians)", name, median(steps[name]), median(steps["+"+name]))
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// times reads what noteTimes wrote, in order.
func times(b *testing.B, file string) iter.Seq2[string, time.Time] {
	b.Helper()
	data, err := os.ReadFile(file)
	must(b, err)
	return func(yield func(string, time.Time) bool) {
		for line := range strings.Lines(string(data)) {
			var name string
			var at int64
			if _, err := fmt.Sscan(line, &name, &at); err != nil {
				b.Fatal(err)
			}
			if !yield(name, time.Unix(0, at)) {
				return
			}
		}
	}
}

// benchHost has a borg that does nothing. It is found through the version
// cache, as every borg after the first job.
func benchHost(b *testing.B) *host {
	b.Helper()
	h := newHost(b)
	h.files(3)
	script := "#!/bin/sh\n[ \"$1\" = --version ] && echo borg 1.2.4 && exit 0" +
		"\necho '" + answer + "'\n"
	must(b, os.WriteFile(h.path("borg"), []byte(script), 0o755))
	h.configure(func(c *policy.Config) { c.Borg = h.path("borg") })
	if _, v := h.run(h.spec(job.Backup, h.repo("a"))); v.Status != job.Completed {
		b.Fatalf("verdict %+v", v)
	}
	return h
}

const answer = `{"archive":{"id":"1","name":"n","stats":{"nfiles":3,"original_size":9}},"repository":{"id":"2"}}`
