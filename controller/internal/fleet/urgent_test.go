package fleet

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	revocations "borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
)

// TestAnAgentIsShutOutOnANearlyFullDisk: a host that fills the disk with its logs
// must not be able to stay.
func TestAnAgentIsShutOutOnANearlyFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	st, err := store.Open(dir, store.Options{})
	must(t, err)
	must(t, st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutAgent(store.Agent{ID: "a1", Name: "a"}) }))
	must(t, st.Close())
	var fs unix.Statfs_t
	must(t, unix.Statfs(dir, &fs))
	free := int64(fs.Bavail) * fs.Bsize
	st, err = store.Open(dir, store.Options{KeepFree: free + free/2})
	must(t, err)
	defer st.Close()
	shut, err := revocations.Open(filepath.Join(t.TempDir(), revocations.Name))
	must(t, err)
	defer shut.Close()
	s := New(Options{Store: st, ShutOut: shut, Settings: DefaultSettings(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	yes := true
	_, err = s.ChangeAgent(t.Context(), "a", AgentChange{Paused: &yes})
	wantFault(t, "a change", err, "disk_full")
	if v, err := s.RevokeAgent(t.Context(), "a", "admin"); err != nil || !v.Revoked {
		t.Errorf("revoke: %+v, %v", v, err)
	}
	if err := s.DeleteAgent(t.Context(), "a", "admin"); err != nil {
		t.Errorf("delete: %v", err)
	}
}
