package jobproc

import (
	"fmt"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// endedByShutdown says whether v is what the host's shutdown made of the run. A
// borg that had finished, or failed by itself, before it was told to end has a
// true verdict, and that stands.
//
// A shutdown signals every process there is, borg too, and in no order: a borg
// that was ended by somebody else is given a moment for the signal to this
// process to arrive.
func (p *process) endedByShutdown(r *run, v job.Verdict) bool {
	if v.Status.Good() {
		return false
	}
	if !r.terminated && v.ErrorCode != borg.CodeBorgKilled {
		return false
	}
	if !r.terminated {
		sleep(p.stop, p.c.ShutdownWait)
	}
	return p.shutdown()
}

// shutdownText says what is known: who told the job process to end did not say
// why. Only a borg that says itself that SIGTERM ended it has let its lock go;
// at a shutdown the network may have gone before.
func (p *process) shutdownText(r *run, v job.Verdict) string {
	how := "borg was ended in good order: its repository is not locked"
	const healed = ": a lock that it may have left is removed by the next borg of this host"
	switch sig := r.exit.Signal; {
	case sig != 0:
		how = fmt.Sprintf("borg was killed (%s)", unix.SignalName(sig)) + healed
	case v.ErrorCode != borg.CodeBorgKilled:
		how = "borg ended (" + v.ErrorMessage + ")" + healed
	}
	if p.spec.Kind == job.Restore {
		how += "; what was restored so far stays where it is"
	}
	return "its job process was told to end (SIGTERM), as at a shutdown of the host; " + how + "; earlier archives are as they were"
}
