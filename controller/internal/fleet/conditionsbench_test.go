package fleet

import (
	"fmt"
	"testing"

	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

// BenchmarkConditions is one look at 10 000 hosts with a repository each, of which
// none, one in a hundred or all have no new backup, and were told so before. What a
// look costs is paid each 15 s: core-% says how much of one core that is.
func BenchmarkConditions(b *testing.B) {
	for _, every := range []int{0, 100, 1} {
		b.Run(fmt.Sprintf("stale=1:%d", every), func(b *testing.B) {
			s, _ := benchFleet(b, benched{hosts: 10_000, each: 1, by: 10, nights: 1})
			benchRule(b, s.store)
			if every > 0 {
				benchStale(b, s, every)
			}
			s.born = s.now().Add(-settleTime)
			s.lookAtConditions(b.Context())
			told := len(s.store.Conditions())
			before := processorTime(b)
			for b.Loop() {
				s.lookAtConditions(b.Context())
			}
			spent := (processorTime(b) - before).Seconds() / float64(b.N)
			b.ReportMetric(spent*1000, "cpu-ms/op")
			b.ReportMetric(100*spent/conditionsEvery.Seconds(), "core-%")
			b.ReportMetric(float64(told), "conditions")
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
