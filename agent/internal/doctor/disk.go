package doctor

import (
	"context"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/checkup"
	"borgfleet/shared/term"
)

func (h *host) diskSpace(context.Context) checkup.Finding {
	var st unix.Statfs_t
	if err := unix.Statfs(h.o.State.Path(), &st); err != nil {
		return checkup.Skip("the state directory cannot be looked at: %v", err)
	}
	return judgeSpace(h.o.State.Path(), int64(st.Bavail)*st.Bsize)
}

// judgeSpace: below the floor logs lose lines, and with no space at all no job
// can begin.
func judgeSpace(path string, free int64) checkup.Finding {
	todo := "see what takes it: du -xsh " + term.Shell(path) + "; df -h " + term.Shell(path)
	switch {
	case free < jobdir.DefaultMinFree:
		return checkup.Bad(todo, "%s free for the state directory; below %s lines of logs are left out", term.Size(free), term.Size(jobdir.DefaultMinFree))
	case free < 4*jobdir.DefaultMinFree:
		return checkup.Warning(todo, "only %s free for the state directory", term.Size(free))
	}
	return checkup.Good("%s free for the state directory", term.Size(free))
}
