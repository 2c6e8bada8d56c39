package maintain

import (
	"net/http"

	"borgfleet/controller/internal/api/rest"
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
	out := rest.StoreStats{
		Jobs: c.Jobs, Agents: c.Agents, Repositories: c.Repositories, HighestJob: c.HighestJob,
		LogBytes: c.LogBytes, Others: c.Others, DiskBytes: h.Store.DiskBytes(),
	}
	out.OldestJob, out.NewestJob = h.Store.Span()
	if r, ok := h.Store.Restored(); ok {
		out.RestoredFrom, out.RestoredAt = r.TakenAt, r.At
	}
	return answer(w, out)
}
