package fleet

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestNextInSummary: the first of all next runs, by time, then host, then name; in
// whatever order they come.
func TestNextInSummary(t *testing.T) {
	at := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	for n := range 3 * nextInSummary {
		var all []NextRun
		for i := range n {
			all = append(all, NextRun{
				Repository: int64(i), Name: fmt.Sprint("r", i%2), AgentName: fmt.Sprint("host", i%7), At: at.Add(time.Duration(i/14) * time.Hour),
			})
		}
		want := slices.SortedFunc(slices.Values(all), func(a, b NextRun) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.AgentName, b.AgentName), cmp.Compare(a.Name, b.Name))
		})
		for range 20 {
			rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			var s Summary
			for _, one := range all {
				s.addNext(one)
			}
			if !slices.Equal(s.Next, want[:min(n, nextInSummary)]) {
				t.Fatalf("of %d: %v", n, s.Next)
			}
		}
	}
}
