package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"borgfleet/scripts/testenv"
)

const contSignal = syscall.SIGCONT

// contactLost is how soon a silent host's jobs no longer hold their location
// here: a minute would be most of a run.
const contactLost = 3 * time.Second

// setUp starts a healthy fleet with its repositories.
func (t *trial) setUp(ctx context.Context) error {
	// Not the caller's context: what has begun is ended in order.
	ctx = context.WithoutCancel(ctx)
	bin := filepath.Join(t.dir, "bin") // of its own: a program can be replaced
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"borgfleet-controller", "borgfleet-agent"} {
		if err := copyFile(filepath.Join(t.bin, name), filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	fleet := testenv.Fleet{
		Dir: t.dir, Bin: bin, Env: []string{"BORGFLEET_CLOCK=" + t.clockFile("")},
		Controller: []string{"--log-policy", "all", "--contact-lost", contactLost.String(), "--log-level", "debug"},
	}
	var repos []string
	for _, l := range locations() {
		repos = append(repos, filepath.Join(t.dir, "repositories", l))
	}
	for _, name := range hosts() {
		w, env, err := newWitness(filepath.Join(t.dir, "borg-"+name), repos)
		if err != nil {
			return err
		}
		t.borg[name] = w
		restores := filepath.Join(t.dir, "restores-"+name)
		for _, dir := range []string{restores, filepath.Join(t.dir, "borg-base-"+name)} {
			if err := os.Mkdir(dir, 0o700); err != nil {
				return err
			}
		}
		if err := t.newBoot(name); err != nil {
			return err
		}
		env = append(env, "BORGFLEET_CLOCK="+t.clockFile(name), "BORGFLEET_BOOT_ID="+t.bootFile(name))
		fleet.Agents = append(fleet.Agents, testenv.Agent{
			Name: name, Env: env, OwnProxy: true, Allow: []string{"--allow-destination", restores},
			Config: "borg_base_dir: " + filepath.Join(t.dir, "borg-base-"+name) + "\n",
		})
	}
	t.putOnDisks(&fleet)
	var err error
	if t.env, err = testenv.Start(ctx, fleet); err != nil {
		return err
	}
	t.controller = newUnit(t.env.Controller)
	for _, name := range hosts() {
		t.daemons[name] = newUnit(t.env.Hosts[name])
	}
	if err := t.repositoryDisk(); err != nil {
		return err
	}
	t.watch = newObserver(t)
	return t.register()
}

func (t *trial) register() error {
	for _, r := range repositories() {
		source := t.source(r)
		if err := fill(source, r, t.seed); err != nil {
			return err
		}
		var out struct {
			ID            int64
			Status, Error string
		}
		err := t.env.API.Post("/api/repositories", map[string]any{
			"name": r.name, "agent": r.host, "path": t.location(r), "encryption": "none",
			"source_directories": []string{source}, "file_log": r.fileLog,
		}, &out)
		if err != nil {
			return fmt.Errorf("register %s: %w", r.name, err)
		}
		t.ids[r.name] = out.ID
		err = t.env.Await("repository "+r.name+" is there", func() (bool, error) {
			if out.Status == "failed" {
				return false, errors.New(out.Error)
			}
			return out.Status == "ready", t.env.API.Get(fmt.Sprintf("/api/repositories/%d", out.ID), &out)
		})
		if err != nil {
			return err
		}
		if r.maintainer == "" {
			continue
		}
		err = t.env.API.Do("PUT", fmt.Sprintf("/api/repositories/%d", out.ID), map[string]any{"maintainer": r.maintainer}, nil)
		if err != nil {
			return fmt.Errorf("maintainer of %s: %w", r.name, err)
		}
	}
	// A first archive each, so that there is something to restore.
	for _, r := range repositories() {
		id, err := t.env.API.Backup(r.name)
		if err != nil {
			return err
		}
		if j, err := t.env.Finish(id); err != nil || j.Status != "completed" {
			return fmt.Errorf("first backup of %s: %s %s %w", r.name, j.Status, j.ErrorMessage, err)
		}
	}
	return t.makeSchedules()
}

func (t *trial) source(r repo) string   { return filepath.Join(t.dir, "source-"+r.name) }
func (t *trial) location(r repo) string { return filepath.Join(t.env.Repositories(), r.location) }

func fill(dir string, r repo, seed uint64) error {
	for i := range r.files {
		sub := filepath.Join(dir, fmt.Sprintf("d%03d", i/100))
		if i%100 == 0 {
			if err := os.MkdirAll(sub, 0o755); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%05d", i)), fmt.Appendf(nil, "%s %d\n", r.name, i), 0o644); err != nil {
			return err
		}
	}
	if r.big == 0 {
		return nil
	}
	f, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		return err
	}
	defer f.Close()
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	block := make([]byte, 1<<20)
	for left := r.big; left > 0; left -= int64(len(block)) {
		_, _ = src.Read(block)
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
	return nil
}
