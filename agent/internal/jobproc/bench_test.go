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
	var cpu []float64
	for b.Loop() {
		file := h.path("times")
		os.Remove(file)
		d := h.order(h.spec(job.Backup, h.repo("a")))
		begin := time.Now()
		cmd := h.spawn(d, envTimes+"="+file)
		cmd.Wait()
		cpu = append(cpu, ms(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()))
		last := begin
		for name, at := range times(b, file) {
			steps[name] = append(steps[name], ms(at.Sub(begin)))
			steps["+"+name] = append(steps["+"+name], ms(at.Sub(last)))
			last = at
		}
	}
	b.ReportMetric(median(steps[PointExecuted]), "ms/exec")
	b.ReportMetric(median(steps["+"+PointJudged])+median(steps["+"+PointEnded]), "ms/exit-to-verdict")
	b.ReportMetric(median(cpu), "ms-cpu/job")
	for _, name := range []string{"main", PointOpened, PointStarted, PointExecuted, PointExited, PointJudged, PointEnded, "left"} {
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
	h.fakeBorg(":")
	h.configure(func(c *policy.Config) { c.Borg = h.path("borg") })
	if _, v := h.run(h.spec(job.Backup, h.repo("a"))); v.Status != job.Completed {
		b.Fatalf("verdict %+v", v)
	}
	return h
}

// fakeBorg makes a borg that does something and says that all went well.
func (h *host) fakeBorg(does string) {
	h.t.Helper()
	script := "#!/bin/sh\n[ \"$1\" = --version ] && echo borg 1.2.4 && exit 0\n" + does + "\necho '" + answer + "'\n"
	must(h.t, os.WriteFile(h.path("borg"), []byte(script), 0o755))
}

const answer = `{"archive":{"id":"1","name":"n","stats":{"nfiles":3,"original_size":9}},"repository":{"id":"2"}}`

// BenchmarkFileList measures what a line of borg's costs: a hundred thousand
// file names as fast as they can be had.
func BenchmarkFileList(b *testing.B) {
	h := benchHost(b)
	const lines = 100_000
	var list strings.Builder
	for i := range lines {
		fmt.Fprintf(&list, `{"type": "file_status", "status": "A", "path": "/srv/data/directory%04d/some-file-name-%06d.dat"}`+"\n", i/100, i)
	}
	h.write(h.path("list"), list.String())
	h.fakeBorg("cat " + h.path("list") + " >&2")
	var cpu []float64
	for b.Loop() {
		repo := h.repo("a")
		repo.FileLog = job.FileLogAll
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d)
		cmd.Wait()
		cpu = append(cpu, ms(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()))
		if v := h.verdict(d); v.JournalEnd < lines {
			b.Fatalf("%d records", v.JournalEnd)
		}
	}
	b.ReportMetric(median(cpu)*1000/lines, "us-cpu/line")
}
