package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// build makes the two programs of a variant. The tree stays as it is: the
// compiler reads the edited files in the place of the real ones.
func (v variant) build(ctx context.Context, o options) (bin string, err error) {
	overlay, err := v.overlay(o)
	if err != nil {
		return "", err
	}
	bin = filepath.Join(o.work, v.name, "bin")
	for _, program := range []string{"controller", "agent"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "steppedclock", "-overlay", overlay,
			"-o", filepath.Join(bin, "borgfleet-"+program), "./"+program)
		cmd.Dir = o.root
		cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return bin, nil
}

// overlay writes the edited files, and the list of them that go build reads.
func (v variant) overlay(o options) (string, error) {
	sources, err := v.sources(o.root)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(o.work, v.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range sources {
		real, err := filepath.Abs(filepath.Join(o.root, file))
		if err != nil {
			return "", err
		}
		replace[real] = filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(replace[real], []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, list, 0o644)
}
