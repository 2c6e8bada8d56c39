package history

import (
	"testing"
	"time"

	"borgfleet/shared/job"
)

// TestBytes: a row takes what a row takes, however many there are.
func TestBytes(t *testing.T) {
	ix := New()
	if n := ix.Bytes(); n != 0 {
		t.Errorf("an empty index takes %d bytes", n)
	}
	const chunks = 4
	for i := range int64(chunks * chunkRows) {
		ix.Put(Row{ID: i + 1, CreatedAt: t0.Add(time.Duration(i) * time.Second), Agent: "a", Repository: 1, Kind: job.Backup, Status: job.Completed, TriggeredBy: job.ByManual})
	}
	// The columns are the same whatever they hold; there may come more of them.
	if each := float64(ix.Bytes()) / (chunks * chunkRows); each < 32 || each > 128 {
		t.Errorf("a row takes %.1f bytes", each)
	}
}
