package schedule

import (
	"fmt"
	"time"
	_ "time/tzdata" // hosts without a zone database know their zones too

	"borgfleet/shared/cron"
	"borgfleet/shared/job"
)

// Problem is what is wrong with one value of a schedule.
type Problem struct {
	Field string // as REST names it
	Why   string
}

func (p *Problem) Error() string { return p.Field + ": " + p.Why }

// Check says what is wrong with a schedule: a *Problem.
func (s Schedule) Check() error {
	if _, err := cron.Parse(s.Cron); err != nil {
		return &Problem{"cron_expression", err.Error()}
	}
	if err := CheckZone(s.Zone); err != nil {
		return &Problem{"timezone", err.Error()}
	}
	for _, d := range []struct {
		field       string
		is          time.Duration
		least, most time.Duration
	}{
		{"splay", s.Splay, 0, MostSplay},
		{"catch_up", s.CatchUp, 0, MostCatchUp},
		{"retry_delay", s.RetryDelay, LeastRetryDelay, MostRetryDelay},
		{"check_every", s.CheckEvery, 0, MostCheckEvery},
	} {
		if d.is < d.least || d.is > d.most {
			return &Problem{d.field, fmt.Sprintf("it is between %d and %d seconds", d.least/time.Second, d.most/time.Second)}
		}
	}
	if err := CheckPing(s.Ping); err != nil {
		return &Problem{"ping_url", err.Error()}
	}
	switch {
	case s.Overlap != OverlapSkip && s.Overlap != OverlapQueue:
		return &Problem{"overlap", "it is skip or queue"}
	case s.Retries < 0 || s.Retries > MostRetries:
		return &Problem{"retries", fmt.Sprintf("it is between 0 and %d", MostRetries)}
	}
	return s.checkAfter()
}

func (s Schedule) checkAfter() error {
	if p := s.After.Prune; p != nil && p.Keep != (job.Keep{}) {
		if err := p.Keep.Check(); err != nil {
			return &Problem{keepField(p.Keep), err.Error()}
		}
	}
	if c := s.After.Check; c != nil {
		if err := c.Check(); err != nil {
			return &Problem{"check_depth", err.Error()}
		}
	}
	return nil
}

// keepField is the field of what is wrong with a rule that keeps something.
func keepField(k job.Keep) string {
	for _, c := range k.Counts() {
		if *c.N < 0 || *c.N > job.MostKeep {
			return "prune_" + c.Name
		}
	}
	return "prune_" + job.KeepWithin
}

// CheckZone says what is wrong with the name of a time zone; empty is the host's.
func CheckZone(name string) error {
	_, err := Zone(name, time.UTC)
	return err
}

// Zone finds a time zone by its name; empty is the host's own.
func Zone(name string, own *time.Location) (*time.Location, error) {
	if name == "" {
		return own, nil
	}
	if name == "Local" {
		return nil, fmt.Errorf("it is a name such as Europe/Berlin or UTC; left out, it is the host's own")
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("no time zone is named %q; names are those of the IANA database, such as Europe/Berlin or UTC", name)
	}
	return loc, nil
}
