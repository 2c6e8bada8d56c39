package jobproc

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// BenchmarkOwnPart measures what the job process adds: from its start until
// borg is executed, and from borg's exit to the verdict on the disk. borg is a
// script that notes when it runs, so that nothing of borg's own is measured.
func BenchmarkOwnPart(b *testing.B) {
	h := benchHost(b)
	var toExec, toVerdict, whole time.Duration
	for b.Loop() {
		d := h.order(h.spec(job.Backup, h.repo("a")))
		begin := time.Now()
		cmd := h.spawn(d)
		cmd.Wait()
		end := time.Now()
		ran := stampOf(b, h.path("ran"))
		ended := stampOf(b, h.path("ended"))
		fi, err := os.Stat(filepath.Join(d.Path(), "verdict"))
		if err != nil {
			b.Fatal(err)
		}
		toExec += ran.Sub(begin)
		toVerdict += fi.ModTime().Sub(ended)
		whole += end.Sub(begin)
	}
	n := time.Duration(b.N)
	b.ReportMetric(float64((toExec/n).Microseconds())/1000, "ms/exec")
	b.ReportMetric(float64((toVerdict/n).Microseconds())/1000, "ms/verdict")
	b.ReportMetric(float64((whole/n).Microseconds())/1000, "ms/whole")
}

func stampOf(b *testing.B, path string) time.Time {
	b.Helper()
	fi, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return fi.ModTime()
}

// benchHost has a borg that does nothing. It is found through the version
// cache, as every borg after the first job.
func benchHost(b *testing.B) *host {
	b.Helper()
	h := newHost(b)
	h.files(3)
	script := "#!/bin/sh\n[ \"$1\" = --version ] && echo borg 1.2.4 && exit 0\n: > " + h.path("ran") +
		"\necho '" + answer + "'\n: > " + h.path("ended") + "\n"
	must(b, os.WriteFile(h.path("borg"), []byte(script), 0o755))
	h.configure(func(c *policy.Config) { c.Borg = h.path("borg") })
	if _, v := h.run(h.spec(job.Backup, h.repo("a"))); v.Status != job.Completed {
		b.Fatalf("verdict %+v", v)
	}
	return h
}

const answer = `{"archive":{"id":"1","name":"n","stats":{"nfiles":3,"original_size":9}},"repository":{"id":"2"}}`
