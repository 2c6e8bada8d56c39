package jobproc

import (
	"fmt"
	"strings"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// compact is borg compact: what was removed from the repository is gone for good
// after it. So the archives are looked at right before it.
type compact struct{ upkeep }

// ready lets the compact begin only if all archives are there that the controller
// says there must be. A thief on a host that may only append to its repository
// can still delete, and waits for this.
func (compact) ready(p *process) error {
	expected, told, err := p.dir.Expected()
	if err != nil {
		return err
	}
	if !told {
		return failf(job.CodeNotToldArchives, "the controller did not say which archives there must be, and without that nothing is made final: order the compact anew")
	}
	there, err := p.archivesThere()
	if err != nil {
		return err
	}
	var missing []job.Archive
	for _, a := range expected {
		if !there[a.ID] {
			missing = append(missing, a)
		}
	}
	if len(missing) == 0 {
		p.say(job.LevelInfo, "All %d archives that there must be are there", len(expected))
		return nil
	}
	p.sayMissing(missing)
	return failf(job.CodeArchivesVanished, "%s gone, and no job of the fleet removed them: %s. Nothing was compacted, so they may be brought back",
		areGone(len(missing)), fewNames(missing))
}

// archivesThere asks borg, and waits for the repository's lock like the compact
// itself.
func (p *process) archivesThere() (map[string]bool, error) {
	for n := 1; ; n++ {
		there, err := p.listIDs()
		if borg.CodeOf(err) != borg.CodeRepoLocked || p.stop.Err() != nil || !clock.Now().Before(p.spec.StartDeadline) {
			return there, err
		}
		p.say(job.LevelWarning, "The repository is locked by somebody else: %v", err)
		p.showWaiting(reasonLocked)
		p.awaitTurn(n)
	}
}

func (p *process) listIDs() (map[string]bool, error) {
	inv, err := borg.List(p.host, boundedWait(p.spec.Repository))
	if err != nil {
		return nil, err
	}
	all, _, err := borg.ReadList(p.ask(p.stop, p.host, inv))
	there := make(map[string]bool, len(all))
	for _, a := range all {
		there[a.ID] = true
	}
	return there, err
}

// sayMissing names each of them, for the controller too.
func (p *process) sayMissing(missing []job.Archive) {
	for _, a := range missing {
		data, err := wire.EncodeArchive(a)
		if err != nil {
			p.log.Error("name a missing archive", "err", err)
		}
		p.journal.Append(jobdir.Line{Record: job.Record{
			Level: job.LevelError, Source: "agent", Data: data,
			Text: fmt.Sprintf("Gone: %s  %s", a.ID, borg.Archive{Name: a.Name}.Shown()),
		}})
	}
}

func areGone(n int) string {
	if n == 1 {
		return "1 archive is"
	}
	return fmt.Sprintf("%d archives are", n)
}

// mostNamed bounds a message; the log names them all.
const mostNamed = 10

func fewNames(all []job.Archive) string {
	var names []string
	for _, a := range all[:min(len(all), mostNamed)] {
		names = append(names, borg.Archive{Name: a.Name}.Shown())
	}
	text := strings.Join(names, ", ")
	if n := len(all) - mostNamed; n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

func (compact) invocation(p *process, _ string) (borg.Invocation, error) {
	return borg.Compact(p.host, p.spec)
}

func (compact) title(p *process, _ string) string {
	return fmt.Sprintf("Compacting %s (borg %s)", p.spec.Repository.Path, p.tool.Version)
}

func (compact) judge(p *process, r *run) job.Verdict {
	v := borg.Classify(r.outcome())
	if v.Status.Good() {
		v.BytesFreed = r.tracker.Upkeep().Freed
	}
	return v
}

func (compact) summary(v job.Verdict) string {
	if v.BytesFreed == nil {
		// A server that lets this host only append says nothing, and does nothing.
		return "Compact finished: borg said nothing of space that it freed"
	}
	return "Compact finished: about " + size(*v.BytesFreed) + " freed"
}
