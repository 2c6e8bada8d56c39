package fleet

import (
	"fmt"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// wait is why a job is not sent; the zero wait: nothing keeps it.
type wait struct {
	why string
	by  waitedFor
}

// waitedFor is a job that another one waits for; the zero one is none.
type waitedFor struct {
	id, repository int64
	agent          string
}

func waitsFor(why string, j job.Job) wait {
	return wait{why, waitedFor{j.ID, j.Spec.Repository.ID, j.Agent}}
}

// told is the reason as people read it. Who may see a part of the fleet does not
// learn which jobs there are outside of it.
func (w wait) told(scope *store.Scope) string {
	switch {
	case w.by.id == 0:
		return w.why
	case !scope.Covers(w.by.repository, w.by.agent):
		return w.why + " (another job)"
	}
	return fmt.Sprintf("%s (job %d)", w.why, w.by.id)
}
