package wire

import (
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

func fromPrune(s *job.PruneSpec) *fleetv1.Prune {
	if s == nil {
		return nil
	}
	k := s.Keep
	return &fleetv1.Prune{
		KeepHourly: k.Hourly, KeepDaily: k.Daily, KeepWeekly: k.Weekly, KeepMonthly: k.Monthly,
		KeepQuarterly: k.Quarterly, KeepYearly: k.Yearly, KeepWithin: text(k.Within), DryRun: s.DryRun,
	}
}

// toPrune checks nothing: the host's policy does, right before borg is executed.
func toPrune(p *fleetv1.Prune) *job.PruneSpec {
	if p == nil {
		return nil
	}
	return &job.PruneSpec{DryRun: p.DryRun, Keep: job.Keep{
		Hourly: p.KeepHourly, Daily: p.KeepDaily, Weekly: p.KeepWeekly, Monthly: p.KeepMonthly,
		Quarterly: p.KeepQuarterly, Yearly: p.KeepYearly, Within: p.KeepWithin,
	}}
}

func fromCheck(s *job.CheckSpec) *fleetv1.Check {
	if s == nil {
		return nil
	}
	return &fleetv1.Check{MaxDuration: seconds(s.MaxDuration), Depth: text(string(s.Depth))}
}

func toCheck(p *fleetv1.Check) *job.CheckSpec {
	if p == nil {
		return nil
	}
	return &job.CheckSpec{MaxDuration: span(p.MaxDuration), Depth: job.CheckDepth(within(p.Depth, mostWord))}
}

// notBelowZero drops a figure that none can be.
func notBelowZero(n *int64) *int64 {
	if n == nil || *n < 0 {
		return nil
	}
	return n
}

// FromArchives encodes archives.
func FromArchives(all []job.Archive) []*fleetv1.Archive {
	out := make([]*fleetv1.Archive, 0, len(all))
	for _, a := range all {
		out = append(out, fromArchive(a))
	}
	return out
}

// ToArchives decodes archives.
func ToArchives(all []*fleetv1.Archive) []job.Archive {
	out := make([]job.Archive, 0, len(all))
	for _, p := range all {
		out = append(out, toArchive(p))
	}
	return out
}

func fromArchive(a job.Archive) *fleetv1.Archive {
	return &fleetv1.Archive{Name: text(a.Name), Id: text(a.ID), Start: stamp(a.Start), RawName: a.RawName}
}

func toArchive(p *fleetv1.Archive) job.Archive {
	return job.Archive{Name: p.GetName(), ID: p.GetId(), Start: instant(p.GetStart()), RawName: p.GetRawName()}
}
