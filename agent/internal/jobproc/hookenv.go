package jobproc

import (
	"cmp"
	"strconv"
	"strings"

	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// outcome is what a hook is told of the job's end; zero before borg.
type outcome struct {
	verdict *job.Verdict
	waiting string // why the job will be tried again
}

// hookKey begins the variable by which a hook and what it starts are known.
const hookKey = "BORGFLEET_JOB_KEY="

// hookEnv is a hook's whole environment, made from nothing. Its names are none
// of an option's variable, so that commands of ours in a hook do as they are told.
// Values may be the controller's: they are one line each, and end nowhere early.
func (p *process) hookEnv(name string, at job.HookTime, o outcome) []string {
	repo := p.spec.Repository
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + cmp.Or(p.host.Home, "/"),
		"LANG=C.UTF-8",
		hookKey + p.dir.Key().String(),
	}
	add := func(name, value string) {
		if value != "" {
			env = append(env, name+"="+term.Clean(value))
		}
	}
	add("BORGFLEET_HOOK", name)
	add("BORGFLEET_HOOK_TIME", string(at))
	add("BORGFLEET_JOB_ID", p.jobID())
	add("BORGFLEET_JOB_KIND", string(p.spec.Kind))
	add("BORGFLEET_JOB_AGENT", p.id.Name)
	add("BORGFLEET_JOB_REPOSITORY", repo.Name)
	add("BORGFLEET_JOB_REPOSITORY_PATH", repo.Path)
	if o.waiting != "" {
		add("BORGFLEET_JOB_OUTCOME", "waiting")
		add("BORGFLEET_JOB_ERROR", shortened(o.waiting))
	}
	if v := o.verdict; v != nil {
		add("BORGFLEET_JOB_OUTCOME", string(v.Status))
		add("BORGFLEET_JOB_ERROR_CODE", v.ErrorCode)
		add("BORGFLEET_JOB_ERROR", shortened(strings.ReplaceAll(v.ErrorMessage, "\n", " ")))
		if v.ExitCode != nil {
			add("BORGFLEET_JOB_EXIT_CODE", strconv.Itoa(*v.ExitCode))
		}
		if v.Status.Good() {
			add("BORGFLEET_JOB_ARCHIVE", v.ArchiveName)
		}
	}
	return env
}

// jobID is the number that people know the job by, if it has come yet.
func (p *process) jobID() string {
	id, err := p.dir.ID()
	if err != nil || id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}
