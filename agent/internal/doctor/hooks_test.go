package doctor

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"borgfleet/agent/internal/hook/hooktest"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/checkup"
	"borgfleet/shared/job"
)

func TestHooks(t *testing.T) {
	dir := hooktest.Dir(t)
	hooktest.Write(t, dir, "dump", "#!/bin/sh\n")
	hooktest.Write(t, dir, "loose", "#!/bin/sh\n")
	must(t, os.Chmod(filepath.Join(dir, "loose"), 0o777))
	h := enrolled(t, func(c *policy.Config) { c.Hooks.Directory, c.Allow.Hooks = dir, []string{"dump"} })
	def := job.Repository{Name: "web", Path: "/srv/web", Hooks: job.Hooks{Before: []string{"dump"}, Always: []string{"dump"}}}
	want(t, "well", h.on(t, def).hooks(t.Context()), ok, "dump in "+dir, "")
	def.Hooks.After = []string{"loose", "none"}
	want(t, "not well", h.on(t, def).hooks(t.Context()), failed, "loose can be written by others (mode 0777), who could have the agent run anything: chmod go-w "+dir+"/loose", "repositories update web")
	want(t, "missing", h.on(t, def).hooks(t.Context()), failed, "there is no "+dir+"/none on this host", "docs/hooks.md")
	if refused := h.on(t, def).permitted(t.Context()); refused.State != failed {
		t.Errorf("%+v", refused)
	}
	has := func(def job.Repository) bool {
		return slices.ContainsFunc(h.checksOf(t.Context(), def), func(c checkup.Check) bool { return c.ID == "repository_hooks" })
	}
	if !has(def) || has(job.Repository{Name: "web", Path: "/srv/web"}) {
		t.Error("hooks are looked at where there are some, and nowhere else")
	}
}
