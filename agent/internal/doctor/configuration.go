package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"borgfleet/shared/checkup"
	"borgfleet/shared/term"
)

func (h *host) configuration(context.Context) checkup.Finding {
	file := h.o.ConfigFile
	switch {
	case errors.Is(h.confErr, fs.ErrNotExist) && h.idErr != nil:
		return notEnrolled()
	case errors.Is(h.confErr, fs.ErrNotExist):
		return checkup.Bad(h.command("allow --repository PATTERN")+"   (makes it)", "there is no %s", file)
	case errors.Is(h.confErr, fs.ErrPermission):
		return checkup.Bad("sudo "+h.command("doctor"), "%v", h.confErr)
	}
	info, err := os.Stat(file)
	switch {
	case err == nil && info.Mode().Perm()&0o022 != 0:
		return checkup.Bad("chmod go-w "+term.Shell(file), "%s can be changed by other accounts (mode %04o), and it decides what runs here", file, info.Mode().Perm())
	case h.confErr != nil:
		return checkup.Bad("correct it, then restart the agent", "%v", h.confErr)
	}
	return checkup.Good("%s", file)
}

func (h *host) allowed(context.Context) checkup.Finding {
	if h.confErr != nil {
		return noConfiguration()
	}
	a := h.conf.Allow
	switch {
	case a.All:
		return checkup.Good("everything: the controller may do on this host what root may")
	case len(a.Repositories) == 0:
		return checkup.Bad(h.command("allow --repository PATTERN")+"   (such as '/srv/backups/**')", "the controller may use no repository, so nothing can be backed up")
	case len(a.Repositories) == 1:
		return checkup.Good("repositories at %s", a.Repositories[0])
	}
	return checkup.Good("repositories at %s and %d more patterns", a.Repositories[0], len(a.Repositories)-1)
}

func noConfiguration() checkup.Finding { return checkup.Skip("the configuration cannot be read") }
