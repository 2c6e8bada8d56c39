package maintain

import (
	"net/http"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/retention"
	"borgfleet/controller/internal/store"
)

// stats reads the whole store, and says what is in it.
func (h handler) stats(w http.ResponseWriter, _ *http.Request, _ string) error {
	var c store.Contents
	for e, err := range h.Store.Entries() {
		if err != nil {
			return err
		}
		c.Count(e)
	}
	disk, err := h.Store.DiskBytes()
	if err != nil {
		return err
	}
	out := rest.StoreStats{
		Jobs: c.Jobs, Agents: c.Agents, Repositories: c.Repositories, HighestJob: c.HighestJob,
		LogBytes: c.LogBytes, Others: c.Others, DiskBytes: disk,
		AuditEntries: c.Audit, OldestAuditEntry: c.OldestAudit, OldestLog: oldestLog(h.Store, h.Now()),
		Removed: h.Store.Removed(), Retention: retained(h.Keeper.State()),
	}
	out.OldestJob, out.NewestJob = h.Store.Span()
	if r, ok := h.Store.Restored(); ok {
		out.RestoredFrom, out.RestoredAt = r.TakenAt, r.At
	}
	return answer(w, out)
}

// oldestLog is when the oldest job was made whose log is kept.
func oldestLog(st *store.Store, now time.Time) time.Time {
	for o := range st.Oldest(now) {
		if !o.LogGone {
			return o.CreatedAt
		}
	}
	return time.Time{}
}

func retained(s retention.State) rest.StoreRetention {
	return rest.StoreRetention{
		Logs: seconds(s.Policy.Logs), LogBytes: s.Policy.LogBytes, History: seconds(s.Policy.History),
		Jobs: int64(s.Policy.Jobs), Audit: seconds(s.Policy.Audit),
		NextAt: s.Next.UTC(),
		Last: rest.Sweep{
			BeganAt: s.Last.BeganAt, EndedAt: s.Last.EndedAt, Logs: s.Last.Logs, LogBytes: s.Last.LogBytes, Jobs: s.Last.Jobs,
			AuditEntries: s.Last.Audit, Packed: s.Last.Packed, Problem: s.Last.Problem,
		},
	}
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
