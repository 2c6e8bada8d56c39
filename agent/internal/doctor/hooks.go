package doctor

import (
	"context"
	"strings"

	"borgfleet/agent/internal/hook"
	"borgfleet/shared/checkup"
)

// hooks opens each hook that the repository names as a backup would. Nothing is
// executed.
func (r *repository) hooks(context.Context) checkup.Finding {
	dir := hook.Dir{Path: r.conf.Hooks.Directory, UID: ownerOf(r.o.State.Path())}
	var wrong []string
	names := r.Repository.Hooks.Names()
	for _, name := range names {
		f, err := dir.Open(name)
		if err != nil {
			wrong = append(wrong, err.Error())
			continue
		}
		f.Close()
	}
	if len(wrong) > 0 {
		return checkup.Bad("see docs/hooks.md, or take it out of the definition, on the controller's host: borgfleet-controller repositories update "+nameOf(r.Repository)+" --help",
			"%s", strings.Join(wrong, "; "))
	}
	return checkup.Good("%s in %s", strings.Join(names, ", "), dir.Path)
}
