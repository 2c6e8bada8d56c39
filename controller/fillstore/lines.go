package main

import (
	"fmt"
	"time"

	"borgfleet/shared/job"
)

// lines is a job's log, as long as its verdict says.
func (f *filler) lines(j job.Job) []job.Record {
	all := make([]job.Record, 0, j.Verdict.JournalEnd)
	for n := uint64(1); n <= j.Verdict.JournalEnd; n++ {
		r := job.Record{
			Number: n, Time: j.Verdict.StartedAt.Add(time.Duration(n) * time.Second), Level: job.LevelInfo, Source: "borg",
			Text: fmt.Sprintf("/home/user%d/documents/%08x.odt: file changed while we backed it up", f.rand.IntN(50), f.rand.Uint32()), Consumed: n * 90,
		}
		if n%7 == 0 {
			r.Level = job.LevelWarning
		}
		all = append(all, r)
	}
	return all
}
