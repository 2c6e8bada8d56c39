package local

import (
	"context"
	"net/http"

	"borgfleet/agent/internal/jobdir"
)

// Drain is how far a host has come that takes no new jobs.
type Drain struct {
	Draining   bool  `json:"draining"`
	Connected  bool  `json:"connected"`  // to the controller
	Running    []Job `json:"running"`    // have begun, and have not ended
	Unreported []Job `json:"unreported"` // have ended, and the controller has not all of them
}

// Drain makes the host take no new jobs, or take them again, and tells how it stands.
func (c *Client) Drain(ctx context.Context, on bool) (Drain, error) {
	method := http.MethodPost
	if !on {
		method = http.MethodDelete
	}
	var out Drain
	return out, c.ask(ctx, method, "/v1/drain", nil, &out)
}

func (s *Server) drain(w http.ResponseWriter, r *http.Request) error {
	s.o.Jobs.Drain(r.Method == http.MethodPost)
	// In this order: a job that ends in between is in both, not in neither.
	running := s.views(s.o.Jobs.Underway())
	unreported := s.views(s.o.Jobs.Unreported())
	connected, _ := s.o.Jobs.Linked()
	send(w, http.StatusOK, Drain{Draining: s.o.Jobs.Draining(), Connected: connected, Running: running, Unreported: unreported})
	return nil
}

// views reads jobs; one that cannot be read must not hide the others, and is
// told by its key.
func (s *Server) views(dirs []*jobdir.Dir) []Job {
	out := make([]Job, 0, len(dirs))
	for _, dir := range dirs {
		v, err := view(dir)
		if err != nil {
			s.log.Error("read job", "job", dir.Key(), "err", err)
			v = Job{Key: dir.Key().String()}
		}
		out = append(out, v)
	}
	return out
}

// refuseDraining keeps new jobs from a host that takes none.
func (s *Server) refuseDraining() error {
	if !s.o.Jobs.Draining() {
		return nil
	}
	return &Error{BadState, "this host is draining and takes no new jobs: borgfleet-agent drain --end lets it take them again, and so does a new start of the agent"}
}
