package doctor

import (
	"context"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
)

func (h *host) borg(context.Context) checkup.Finding { return judgeBorg(h.tool()) }

func judgeBorg(tool borg.Tool, err error) checkup.Finding {
	switch {
	case err != nil && tool.Path != "": // a version that is of no use
		return checkup.Bad("install borg 1.2 or 1.4 beside it, and name it in agent.yaml: borg: /PATH/TO/borg", "%s: %v", tool.Path, err)
	case err != nil:
		return checkup.Bad("apt-get install borgbackup; or name another one in agent.yaml: borg: /PATH/TO/borg", "%v", err)
	}
	if why := job.OldBorg(tool.Version.String()); why != "" {
		return checkup.Warning("apt-get install --only-upgrade borgbackup, or a newer one from the distribution's backports", "%s is borg %s: %s", tool.Path, tool.Version, why)
	}
	return checkup.Good("%s is borg %s", tool.Path, tool.Version)
}
