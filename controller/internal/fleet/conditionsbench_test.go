package fleet

import (
	"testing"
	"time"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

// BenchmarkConditions is one look at 10 000 hosts with a repository each: with nothing
// to tell, with one in a hundred stale, and with all of them stale and offline, told
// before. A look is paid each 15 s: core-% says how much of one core that is.
func BenchmarkConditions(b *testing.B) {
	for _, c := range []struct {
		name  string
		every int // of so many hosts one is stale; 0: none
		up    time.Duration
	}{{"well", 0, settleTime}, {"some", 100, settleTime}, {"all", 1, time.Hour}} {
		b.Run(c.name, func(b *testing.B) {
			s, _ := benchFleet(b, benched{hosts: 10_000, each: 1, by: 10, nights: 1})
			benchRule(b, s.store)
			if c.every > 0 {
				benchStale(b, s, c.every)
			}
			s.born = s.now().Add(-c.up)
			began := time.Now()
			s.lookAtConditions(b.Context())
			first := time.Since(began)
			told := len(s.store.Conditions())
			before := processorTime(b)
			for b.Loop() {
				s.lookAtConditions(b.Context())
			}
			spent := (processorTime(b) - before).Seconds() / float64(b.N)
			b.ReportMetric(spent*1000, "cpu-ms/op")
			b.ReportMetric(100*spent/conditionsEvery.Seconds(), "core-%")
			b.ReportMetric(float64(told), "conditions")
			b.ReportMetric(float64(first.Milliseconds()), "ms-first")
		})
	}
}

func benchRule(b *testing.B, st *store.Store) {
	b.Helper()
	var all []string
	for _, k := range notify.Kinds() {
		all = append(all, string(k))
	}
	err := st.Update(b.Context(), func(tx *store.Tx) error {
		channel := tx.NewChannelID()
		if err := tx.PutChannel(store.Channel{ID: channel, Name: "ops", Type: "webhook"}); err != nil {
			return err
		}
		return tx.PutRule(store.Rule{ID: tx.NewRuleID(), Enabled: true, Events: all, Channels: []int64{channel}})
	})
	if err != nil {
		b.Fatal(err)
	}
}

// benchStale has one repository of so many fail to be set up, which is stale.
func benchStale(b *testing.B, s *Service, every int) {
	b.Helper()
	all := s.store.Repositories()
	benchSteps(b, s.store, len(all)/every, func(tx *store.Tx, i int) error {
		repo := all[i*every]
		repo.Status = store.RepositoryFailed
		return tx.PutRepository(repo)
	})
}
