package local

import (
	"fmt"
	"net/http"
	"time"

	"borgfleet/shared/job"
)

func (s *Server) maintain(w http.ResponseWriter, r *http.Request) error {
	var in Maintenance
	if err := decode(w, r, &in); err != nil || in.Repository == "" || in.MaxDuration < 0 {
		return &Error{Invalid, "name the repository, and what is to be done with it"}
	}
	repo, err := s.repository(in.Repository)
	if err != nil {
		return err
	}
	var prune *job.PruneSpec
	var check *job.CheckSpec
	switch job.Kind(in.Kind) {
	case job.Prune:
		prune, err = in.prune(repo)
	case job.Check:
		check, err = in.check()
	case job.Compact, job.BreakLock:
	default:
		err = &Error{Invalid, fmt.Sprintf("%q is no maintenance: it is prune, compact, check or break-lock", in.Kind)}
	}
	if err == nil {
		err = s.refuseDraining()
	}
	if err != nil {
		return err
	}
	dir, err := s.o.Jobs.Maintain(repo, job.Kind(in.Kind), prune, check, caller(r))
	return sendJob(w, dir, err)
}

// prune goes by the rule that is asked for, or else by the repository's.
func (in Maintenance) prune(repo job.Repository) (*job.PruneSpec, error) {
	keep := repo.Retention
	switch {
	case in.Keep != nil:
		keep = job.Keep(*in.Keep)
	case keep == (job.Keep{}):
		return nil, &Error{Invalid, fmt.Sprintf("%q has no retention: say what this prune is to keep (--keep-daily 7 and the like), or have it given one: borgfleet-controller repositories update %d --keep-daily 7", repo.Name, repo.ID)}
	}
	if err := keep.Check(); err != nil {
		return nil, &Error{Invalid, err.Error()}
	}
	return &job.PruneSpec{Keep: keep, DryRun: in.DryRun}, nil
}

// check is nil for everything.
func (in Maintenance) check() (*job.CheckSpec, error) {
	what := job.CheckSpec{MaxDuration: time.Duration(in.MaxDuration) * time.Second, Depth: job.CheckDepth(in.Depth)}
	if what == (job.CheckSpec{}) {
		return nil, nil
	}
	if err := what.Check(); err != nil {
		return nil, &Error{Invalid, "the depth of the check: " + err.Error()}
	}
	return &what, nil
}
