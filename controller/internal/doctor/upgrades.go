package doctor

import (
	"golang.org/x/mod/semver"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
)

// Upgrades are what works on a host and should be replaced. They are not among
// its troubles: a list of hosts would say the same of most of them.
func Upgrades(a rest.Agent, controller string) []Trouble {
	if a.Revoked {
		return nil
	}
	var all []Trouble
	for _, b := range a.Borg {
		if b.Problem != nil || b.Version == nil {
			continue
		}
		if why := job.OldBorg(*b.Version); why != "" {
			all = append(all, Trouble{"agent_borg_version", checkup.Warning("on that host: apt-get install --only-upgrade borgbackup, or a newer one from the distribution's backports", "its borg is %s: %s", *b.Version, why)})
		}
	}
	if v := deref(a.Version); older(v, controller) {
		all = append(all, Trouble{"agent_version", checkup.Warning("install borgfleet-agent "+controller+" on that host, and restart it: backups go on", "its agent is %s, older than the controller's %s", v, controller)})
	}
	return all
}

// older compares what can be compared; what is no version is not judged.
func older(agent, controller string) bool {
	a, c := "v"+agent, "v"+controller
	return semver.IsValid(a) && semver.IsValid(c) && semver.Compare(a, c) < 0
}
