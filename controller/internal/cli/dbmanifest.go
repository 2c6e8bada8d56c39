package cli

import (
	"fmt"

	"borgfleet/controller/internal/backup"
	"borgfleet/shared/term"
)

// manifestBody is what -o json shows of a backup.
func manifestBody(m backup.Manifest) map[string]any {
	return map[string]any{
		"fleet_id": m.FleetID, "store_id": m.StoreID, "store_version": m.StoreVersion, "version": m.Version,
		"created_at": m.CreatedAt, "authority": m.Authority,
		"jobs": m.Jobs, "highest_job": m.HighestJob, "agents": m.Agents, "repositories": m.Repositories, "records": m.Entries,
	}
}

func inWords(m backup.Manifest) string {
	ca := "without the certificate authority"
	if m.Authority {
		ca = "with the certificate authority, encrypted"
	}
	return fmt.Sprintf("%s, %s, %s, %s", amount(m.Jobs, "job", "jobs"), amount(m.Agents, "agent", "agents"), amount(m.Repositories, "repository", "repositories"), ca)
}

func amount(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (k *controller) printManifest(m backup.Manifest) error {
	ca := "left out"
	if m.Authority {
		ca = "in it, encrypted"
	}
	var f term.Fields
	f.Add("backup", "whole: the checksum is right, and every record reads")
	f.Add("taken", term.Time(m.CreatedAt))
	f.Add("fleet", m.FleetID)
	f.Add("controller", fmt.Sprintf("%s (store version %d)", m.Version, m.StoreVersion))
	f.Add("authority", ca)
	f.Add("jobs", fmt.Sprintf("%d, the highest id is %d", m.Jobs, m.HighestJob))
	f.Add("agents", fmt.Sprint(m.Agents))
	f.Add("repositories", fmt.Sprint(m.Repositories))
	return f.Print(k.out)
}
