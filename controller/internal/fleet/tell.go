package fleet

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// tellEnd tells people how a job ended, in the commit of its verdict.
func (s *Service) tellEnd(tx *store.Tx, j job.Job) error {
	what, tells := endings()[j.Status]
	if !tells || j.Spec.Kind == job.List { // lists are made by the fleet for itself, and again
		return nil
	}
	e := s.eventOf(tx, j)
	e.Event = what
	e.Title = fmt.Sprintf("%s %s", aboutJob(tx, j), map[notify.Kind]string{
		notify.Failure: "failed", notify.Warning: "ended with warnings", notify.Success: "went well",
	}[what])
	e.Message = strings.TrimSpace(j.Verdict.ErrorMessage + s.whenItWas(j) + s.whatFollows(tx, j))
	e.ID = endID(j, what)
	if err := notify.Tell(tx, e); err != nil {
		return err
	}
	if what == notify.Failure {
		return s.keepFailure(tx, j, e)
	}
	return s.endFailure(tx, j, e)
}

// lateAfter: an end that is older when the controller hears of it is told with its
// time. Hosts that were away bring what happened meanwhile.
const lateAfter = 15 * time.Minute

func (s *Service) whenItWas(j job.Job) string {
	if s.now().Sub(j.Verdict.EndedAt) <= lateAfter {
		return ""
	}
	return fmt.Sprintf(" (This was at %s; the controller has heard of it only now.)", moment(j.Verdict.EndedAt))
}

// whatFollows says that a schedule tries it again: whoever is woken may wait for that.
func (s *Service) whatFollows(tx *store.Tx, j job.Job) string {
	of, scheduled := tx.Schedule(j.Spec.ScheduleID)
	if !scheduled || !of.Enabled || j.Spec.FireTime.IsZero() {
		return ""
	}
	at, again := of.RetryAt(*j.Verdict, j.Spec.Attempt)
	if !again || at.Before(s.now()) {
		return ""
	}
	return fmt.Sprintf(" (Its schedule tries again at %s, unless it is due before.)", moment(at))
}

// endID is the same whenever this verdict is told.
func endID(j job.Job, what notify.Kind) string {
	return notify.IDOf(j.Key.String(), string(what), j.Verdict.EndedAt.UTC().Format(time.RFC3339Nano))
}

// endings are those that people are told of. Who cancelled a job knows it.
func endings() map[job.Status]notify.Kind {
	return map[job.Status]notify.Kind{
		job.Failed: notify.Failure, job.CompletedWithWarnings: notify.Warning, job.Completed: notify.Success,
	}
}

// eventOf is what an event says of a job.
func (s *Service) eventOf(tx *store.Tx, j job.Job) notify.Event {
	v, repo := j.Verdict, j.Spec.Repository
	a, _ := tx.Agent(j.Agent)
	return notify.Event{
		At: *notify.At(s.now()), Agent: agentTold(a, s.calledName(j.Agent), j.Agent),
		Repository: &notify.Repository{ID: repo.ID, Name: repo.Name, Path: repo.Path},
		Job: &notify.Job{
			ID: j.ID, Kind: string(j.Spec.Kind), Status: string(j.Status),
			ErrorCode: notify.OrNull(v.ErrorCode), ErrorMessage: notify.OrNull(v.ErrorMessage), ArchiveName: notify.OrNull(v.ArchiveName),
			OriginalSize: v.Progress.OriginalSize, NFiles: v.Progress.NFiles,
			StartedAt: notify.At(j.StartedAt()), CompletedAt: notify.At(v.EndedAt), ScheduleID: notify.OrNull(j.Spec.ScheduleID),
		},
	}
}

func agentTold(a store.Agent, name, id string) *notify.Agent {
	labels := a.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	return &notify.Agent{ID: id, Name: name, Labels: labels}
}

// recovers are the kinds whose next good end says that a failure is over. A restore
// that failed is followed by no other.
func recovers(kind job.Kind) bool {
	return kind == job.Backup || kind == job.Prune || kind == job.Compact || kind == job.Check
}

func failureSubject(j job.Job) string {
	return fmt.Sprintf("%d/%s", j.Spec.Repository.ID, j.Spec.Kind)
}

// keepFailure remembers that a job has failed, until one that was made later goes
// well. Hosts that were away tell old failures after newer good ends: those
// are over already.
func (s *Service) keepFailure(tx *store.Tx, j job.Job, e notify.Event) error {
	if !recovers(j.Spec.Kind) {
		return nil
	}
	if s.wentWellSince(j) {
		return nil
	}
	c, lasts := tx.Condition(string(notify.Failure), failureSubject(j))
	if !lasts {
		if len(notify.Channels(tx.Rules(), e)) == 0 {
			return nil // nobody was told, so nobody is to hear that it is over
		}
		c = store.Condition{
			What: string(notify.Failure), Subject: failureSubject(j), Since: j.Spec.CreatedAt,
			Agent: j.Agent, Repository: j.Spec.Repository.ID,
		}
	}
	c.Count++
	c.Message = clip(strings.TrimSpace(e.Title + ": " + e.Message))
	return tx.PutCondition(c)
}

// wentWellSince says whether a job of the same kind that was made later went well. The
// last backups are noted; of the others there are few, and what is looked through is
// what was made since.
func (s *Service) wentWellSince(j job.Job) bool {
	if j.Spec.Kind == job.Backup {
		return s.store.LastJobs(j.Spec.Repository.ID).Good.CreatedAt.After(j.Spec.CreatedAt)
	}
	return s.store.RepositoriesWith(history.Filter{
		Repositories: []int64{j.Spec.Repository.ID}, Kinds: []job.Kind{j.Spec.Kind}, Since: j.Spec.CreatedAt.Add(1),
		Statuses: []job.Status{job.Completed, job.CompletedWithWarnings},
	})[j.Spec.Repository.ID]
}

func (s *Service) endFailure(tx *store.Tx, j job.Job, e notify.Event) error {
	c, lasts := tx.Condition(string(notify.Failure), failureSubject(j))
	if !lasts || j.Spec.CreatedAt.Before(c.Since) {
		return nil
	}
	if err := tx.DeleteCondition(c.What, c.Subject); err != nil {
		return err
	}
	e.ID = endID(j, notify.Recovered)
	e.Event, e.RecoveredFrom, e.Since = notify.Recovered, notify.OrNull(notify.Failure), notify.At(c.Since)
	e.Title = fmt.Sprintf("%s goes well again", aboutJob(tx, j))
	e.Message = fmt.Sprintf("It had failed %s since %s.", times(c.Count), moment(c.Since))
	return notify.Tell(tx, e)
}

func times(n int64) string {
	if n <= 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// nameOfRepository is how people know one.
func nameOfRepository(r store.Repository) string { return cmp.Or(r.Name, r.Path) }
