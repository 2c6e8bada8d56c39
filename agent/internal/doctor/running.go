package doctor

import (
	"context"
	"time"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/checkup"
	"borgfleet/shared/term"
)

func (h *host) running(ctx context.Context) checkup.Finding {
	if h.idErr != nil {
		return notEnrolled()
	}
	client := local.NewClient(h.o.State.Socket())
	defer client.Close()
	st, err := client.Status(ctx)
	return h.judgeRunning(st, err)
}

func (h *host) judgeRunning(st local.Status, err error) checkup.Finding {
	switch {
	case local.CodeOf(err) == local.NotRunning && err != nil:
		return checkup.Bad(h.command("run"), "it is not running, so nothing is backed up")
	case local.CodeOf(err) == local.NotPermitted && err != nil:
		return checkup.Skip("%v", err)
	case err != nil:
		return checkup.Bad("restart the agent; a backup that runs goes on", "it does not answer as it should: %v", err)
	case st.Unreadable > 0:
		return checkup.Warning("the agent's log says why", "it runs, and cannot read %d of its jobs", st.Unreadable)
	case !st.Connected:
		since := ""
		if at := st.DisconnectedSince; at != nil {
			since = " for " + term.Duration(max(0, h.o.Now().Sub(*at).Truncate(time.Second)))
		}
		return checkup.Warning("see what is found of the controller here", "it runs, and is not connected to the controller%s: %s", since, st.NotConnected)
	}
	return checkup.Good("it runs (%s) and is connected; jobs: %d running, %d waiting", st.Version, st.Running, st.Waiting)
}
