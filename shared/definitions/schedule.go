package definitions

import (
	"cmp"
	"errors"

	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// Schedule defines when repositories are backed up, and what follows.
type Schedule struct {
	Name           string     `yaml:"name"`
	CronExpression string     `yaml:"cron_expression"`
	Timezone       string     `yaml:"timezone,omitempty"` // empty: each host's own
	Repositories   References `yaml:"repositories"`
	Enabled        *bool      `yaml:"enabled,omitempty"` // nil: it is

	RunPruneAfter      bool   `yaml:"run_prune_after,omitempty"`
	RunCompactAfter    bool   `yaml:"run_compact_after,omitempty"`
	RunCheckAfter      bool   `yaml:"run_check_after,omitempty"`
	PruneKeepHourly    int64  `yaml:"prune_keep_hourly,omitempty"`
	PruneKeepDaily     int64  `yaml:"prune_keep_daily,omitempty"`
	PruneKeepWeekly    int64  `yaml:"prune_keep_weekly,omitempty"`
	PruneKeepMonthly   int64  `yaml:"prune_keep_monthly,omitempty"`
	PruneKeepQuarterly int64  `yaml:"prune_keep_quarterly,omitempty"`
	PruneKeepYearly    int64  `yaml:"prune_keep_yearly,omitempty"`
	PruneKeepWithin    string `yaml:"prune_keep_within,omitempty"`

	CheckDepth       string  `yaml:"check_depth,omitempty"`
	CheckMaxDuration Seconds `yaml:"check_max_duration,omitempty"`
	CheckEvery       Seconds `yaml:"check_every,omitempty"`

	Splay      Seconds  `yaml:"splay,omitempty"`
	CatchUp    *Seconds `yaml:"catch_up,omitempty"` // nil: as REST has it
	Overlap    string   `yaml:"overlap,omitempty"`
	Retries    int      `yaml:"retries,omitempty"`
	RetryDelay *Seconds `yaml:"retry_delay,omitempty"`
	PingURL    *Secret  `yaml:"ping_url,omitempty,flow"` // as good as a password
}

// On says whether the schedule runs.
func (s Schedule) On() bool { return s.Enabled == nil || *s.Enabled }

// Secrets are the fields that stand elsewhere, by REST's names.
func (s Schedule) Secrets() map[string]Secret {
	if s.PingURL == nil {
		return nil
	}
	return map[string]Secret{"ping_url": *s.PingURL}
}

// Keep is what its prunes keep; zero: as each repository says.
func (s Schedule) Keep() job.Keep {
	return job.Keep{
		Hourly: s.PruneKeepHourly, Daily: s.PruneKeepDaily, Weekly: s.PruneKeepWeekly, Monthly: s.PruneKeepMonthly,
		Quarterly: s.PruneKeepQuarterly, Yearly: s.PruneKeepYearly, Within: s.PruneKeepWithin,
	}
}

// rules are the same for shared/schedule, which checks them.
func (s Schedule) rules() schedule.Schedule {
	out := schedule.Schedule{
		Name: s.Name, Cron: s.CronExpression, Zone: s.Timezone, Splay: s.Splay.Span(), CatchUp: schedule.DefaultCatchUp,
		Overlap: cmp.Or(schedule.Overlap(s.Overlap), schedule.OverlapSkip), Retries: s.Retries, RetryDelay: schedule.DefaultRetryDelay,
		CheckEvery: s.CheckEvery.Span(),
	}
	if s.CatchUp != nil {
		out.CatchUp = s.CatchUp.Span()
	}
	if s.RetryDelay != nil {
		out.RetryDelay = s.RetryDelay.Span()
	}
	if s.RunPruneAfter {
		out.After.Prune = &job.PruneSpec{Keep: s.Keep()}
	}
	if s.RunCheckAfter {
		out.After.Check = &job.CheckSpec{MaxDuration: s.CheckMaxDuration.Span(), Depth: job.CheckDepth(s.CheckDepth)}
	}
	return out
}

func (s Schedule) check(bad *problems, at place) {
	checkName(bad, at, s.Name)
	if len(s.Repositories) == 0 {
		bad.add(at, "repositories is missing: name those that it backs up")
	}
	s.Repositories.check(bad, at.of("repositories"))
	if s.PingURL != nil {
		s.PingURL.checkOne(bad, at.of("ping_url"), "URL")
	}
	if s.CronExpression == "" {
		bad.add(at, "cron_expression is missing, such as 30 2 * * *")
		return
	}
	err := s.rules().Check()
	if p, ok := errors.AsType[*schedule.Problem](err); ok {
		bad.add(at.of(p.Field), "%s", p.Why)
	} else if err != nil {
		bad.add(at, "%v", err)
	}
	s.checkIdle(bad, at)
}

// checkIdle finds what is said of steps that are not to run.
func (s Schedule) checkIdle(bad *problems, at place) {
	if !s.RunPruneAfter && s.Keep() != (job.Keep{}) {
		bad.add(at, "prune_keep_… is for run_prune_after, which is not set")
	}
	if !s.RunCheckAfter && (s.CheckDepth != "" || s.CheckMaxDuration != 0 || s.CheckEvery != 0) {
		bad.add(at, "check_… is for run_check_after, which is not set")
	}
}
