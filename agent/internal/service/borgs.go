package service

import (
	"context"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/local"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// finder tells which borg this host has. It goes through the version cache
// that the job processes use, so a Hello normally costs no borg start.
type finder struct {
	cache *borg.VersionCache
	name  string
}

func newFinder(dir state.Dir, c policy.Config) *finder {
	return &finder{cache: borg.OpenVersionCache(dir.BorgVersions()), name: c.Borg}
}

func (f *finder) find(ctx context.Context) []*fleetv1.BorgBinary {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tool, err := f.cache.Find(ctx, f.name)
	b := &fleetv1.BorgBinary{Path: tool.Path}
	if b.Path == "" {
		b.Path = f.name
	}
	if (tool.Version != borg.Version{}) {
		b.Version = tool.Version.String()
	}
	if err != nil {
		b.Problem = err.Error()
	}
	return []*fleetv1.BorgBinary{b}
}

// forPeople is find in the local socket's words.
func (f *finder) forPeople(ctx context.Context) []local.Borg {
	var out []local.Borg
	for _, b := range f.find(ctx) {
		out = append(out, local.Borg{Path: b.Path, Version: b.Version, Problem: b.Problem})
	}
	return out
}
