package history

import (
	"fmt"
	"testing"
	"time"

	"borgfleet/shared/job"
)

const benchRows = 1_000_000

// benchRow is a plausible fleet: a thousand hosts, two repositories each.
func benchRow(i int64) Row {
	r := Row{
		ID: i, CreatedAt: t0.Add(time.Duration(i) * time.Second), StartedAt: t0.Add(time.Duration(i+5) * time.Second), EndedAt: t0.Add(time.Duration(i+60) * time.Second),
		Agent: fmt.Sprintf("0190c9a2-7c3e-7000-8000-%012d", i*7919%1000), Repository: i * 7919 % 2000, Schedule: i % 50,
		Kind: job.Backup, Status: job.Completed, TriggeredBy: job.BySchedule, Original: i, Dedup: i / 10,
	}
	if i%3 == 0 {
		r.Kind = job.Prune
	}
	if i%500 == 0 {
		r.Status = job.Failed
	}
	return r
}

func benchEncoded() [][]byte {
	all := make([][]byte, benchRows)
	for i := range all {
		all[i] = AppendRow(nil, benchRow(int64(i)+1))
	}
	return all
}

func benchIndex(b *testing.B) *Index {
	b.Helper()
	ix := New()
	ix.loading = true
	for i := int64(1); i <= benchRows; i++ {
		ix.put(pack(benchRow(i)))
	}
	ix.loaded()
	return ix
}

func BenchmarkQuery(b *testing.B) {
	ix := benchIndex(b)
	agent := benchRow(5).Agent
	cases := map[string]Filter{
		"all":            {},
		"noMatchStatus":  {Statuses: []job.Status{job.Running}},
		"noMatchAgent":   {Agents: []string{"nobody"}},
		"noMatchCombine": {Agents: []string{agent}, Statuses: []job.Status{job.Cancelled}, Kinds: []job.Kind{job.Backup}},
		"noMatchLast":    {Agents: []string{agent}, Repositories: []int64{benchRow(6).Repository}},
		"noMatchMany":    {Agents: manyAgents(500), Repositories: []int64{1 << 40}},
		"agent":          {Agents: []string{agent}},
		"agentFailed":    {Agents: []string{agent}, Statuses: []job.Status{job.Failed}},
		"500agents":      {Agents: manyAgents(500), Kinds: []job.Kind{job.Prune}},
		"repository":     {Repositories: []int64{77}},
		"schedule":       {Schedule: 7, ScheduledOnly: true},
		"oldRange":       {Since: t0, Until: t0.Add(1000 * time.Second)},
	}
	for name, f := range cases {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ix.Query(f, Position{}, 50)
			}
		})
	}
	b.Run("totalsOfAll", func(b *testing.B) {
		for b.Loop() {
			ix.Totals(Filter{})
		}
	})
}

// BenchmarkDays sums up two years of a million jobs by day.
func BenchmarkDays(b *testing.B) {
	const days = 730
	apart := days * 24 * time.Hour / (benchRows + 1)
	ix := New()
	ix.loading = true
	for i := int64(1); i <= benchRows; i++ {
		r := benchRow(i)
		r.CreatedAt = t0.Add(time.Duration(i) * apart)
		ix.put(pack(r))
	}
	ix.loaded()
	cases := map[string]Filter{
		"fleet":      {},
		"backups":    {Kinds: []job.Kind{job.Backup}},
		"agent":      {Agents: []string{benchRow(5).Agent}, Kinds: []job.Kind{job.Backup}},
		"500agents":  {Agents: manyAgents(500), Kinds: []job.Kind{job.Backup}},
		"repository": {Repositories: []int64{77}},
	}
	for name, f := range cases {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ix.Days(f, DateOf(t0), days+1)
			}
		})
	}
}

func manyAgents(n int64) (names []string) {
	for i := range n {
		names = append(names, benchRow(i).Agent)
	}
	return names
}

func BenchmarkLoad(b *testing.B) {
	rows := benchEncoded()
	for b.Loop() {
		_, err := Load(func(yield func([]byte, error) bool) {
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkPut(b *testing.B) {
	ix := benchIndex(b)
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for i := int64(benchRows); b.Loop(); i++ {
			ix.Put(benchRow(i + 1))
		}
	})
	b.Run("change", func(b *testing.B) {
		r := benchRow(benchRows / 2)
		for b.Loop() {
			ix.Put(r)
		}
	})
	b.Run("late", func(b *testing.B) {
		b.ReportAllocs()
		for i := int64(1); b.Loop(); i++ {
			r := benchRow(i * 7919 % benchRows)
			r.ID += 10 * benchRows
			r.CreatedAt = r.CreatedAt.Add(time.Duration(i))
			ix.Put(r)
		}
	})
}
