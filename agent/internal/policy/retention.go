package policy

import (
	"fmt"
	"strings"

	"borgfleet/shared/job"
)

// Floor is what every prune must keep at least, whoever orders it. It is a
// limit of the owner's own, so it counts with allow.all too.
type Floor struct {
	Hourly    int64  `yaml:"keep_hourly,omitempty" json:"keep_hourly,omitempty"`
	Daily     int64  `yaml:"keep_daily,omitempty" json:"keep_daily,omitempty"`
	Weekly    int64  `yaml:"keep_weekly,omitempty" json:"keep_weekly,omitempty"`
	Monthly   int64  `yaml:"keep_monthly,omitempty" json:"keep_monthly,omitempty"`
	Quarterly int64  `yaml:"keep_quarterly,omitempty" json:"keep_quarterly,omitempty"`
	Yearly    int64  `yaml:"keep_yearly,omitempty" json:"keep_yearly,omitempty"`
	Within    string `yaml:"keep_within,omitempty" json:"keep_within,omitempty"`
}

// Keep is the floor as a rule; the zero Keep without one.
func (f Floor) Keep() job.Keep { return job.Keep(f) }

func (f Floor) check() error {
	if f == (Floor{}) {
		return nil
	}
	if err := f.Keep().Check(); err != nil {
		return fmt.Errorf("allow.retention_floor: %w", err)
	}
	return nil
}

// prune is form for what a prune keeps, and of which archives.
func (p *Policy) prune(spec job.Spec) *Refusal {
	if spec.Kind != job.Prune {
		return nil
	}
	no := func(format string, args ...any) *Refusal {
		return &Refusal{Rule: RuleForm, Message: fmt.Sprintf(format, args...)}
	}
	if spec.Prune == nil {
		return no("the order to prune says nothing of what to keep")
	}
	if err := spec.Prune.Keep.Check(); err != nil {
		return no("the order to prune: %v", err)
	}
	pattern := spec.Repository.MatchArchives
	if why := badValue(pattern); why != "" {
		return no("the pattern for archives %q %s", pattern, why)
	}
	if strings.ContainsAny(pattern, "{}/") {
		return no("the pattern for archives %q holds a brace, which borg fills in, or a slash", pattern)
	}
	return nil
}

// floor lets no prune keep less than the owner says. A dry run is refused too:
// it is to show what the prune would do.
func (p *Policy) floor(spec job.Spec) *Refusal {
	if spec.Kind != job.Prune {
		return nil
	}
	if less := spec.Prune.Keep.Below(p.allow.RetentionFloor.Keep()); less != "" {
		return &Refusal{
			Rule:    RuleRetention,
			Message: "the prune keeps less than this host's owner wants: " + less + " (retention_floor in agent.yaml)",
		}
	}
	return nil
}
