package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"borgfleet/scripts/testenv"
	"borgfleet/scripts/treecmp"
)

// host is one agent's part of the demo.
type host struct {
	name, repository, passphrase string
	source                       source
	job                          int64
	last                         testenv.Job
}

func (h *host) path(env *testenv.Env) string {
	return filepath.Join(env.Repositories(), h.repository)
}

func (h *host) register(env *testenv.Env) error {
	var out struct{ Status string }
	err := env.API.Post("/api/repositories", map[string]any{
		"name": h.repository, "path": h.path(env), "agent": h.name,
		"encryption": "repokey-blake2", "passphrase": h.passphrase,
		"source_directories": []string{h.source.path},
	}, &out)
	if err != nil {
		return fmt.Errorf("register %s: %w", h.repository, err)
	}
	if out.Status != "ready" {
		return fmt.Errorf("repository %s is %s", h.repository, out.Status)
	}
	return nil
}

// backup starts every host's backup, draws them, and checks that all completed.
func backup(ctx context.Context, env *testenv.Env, hosts []*host, out io.Writer) error {
	for _, h := range hosts {
		id, err := env.API.Backup(h.path(env))
		if err != nil {
			return fmt.Errorf("start backup of %s: %w", h.name, err)
		}
		h.job = id
	}
	d := newDrawing(out)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for done := false; !done; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		done = true
		for _, h := range hosts {
			j, err := env.API.Job(h.job)
			if err != nil {
				return err
			}
			h.last = j
			done = done && j.Final()
		}
		d.draw(hosts, done)
	}
	for _, h := range hosts {
		if h.last.Status != "completed" {
			return fmt.Errorf("the backup of %s is %s: %s", h.name, h.last.Status, h.last.ErrorMessage)
		}
	}
	return nil
}

// compare gets the archive back with plain borg, as anybody could who has the
// passphrase, and looks for any difference.
func (h *host) compare(ctx context.Context, env *testenv.Env, out io.Writer) error {
	to := filepath.Join(env.Dir, "extracted-"+h.name)
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "borg", "extract", h.path(env)+"::"+h.last.ArchiveName)
	cmd.Dir = to
	// Its own base directory: this is not the agent's borg, and not the user's.
	cmd.Env = append(os.Environ(), "BORG_BASE_DIR="+filepath.Join(env.Dir, "borg-"+h.name),
		"BORG_RELOCATED_REPO_ACCESS_IS_OK=yes", "BORG_PASSPHRASE="+h.passphrase, "TZ=UTC")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("extract %s: %w: %s", h.last.ArchiveName, err, msg)
	}
	seen, differences := treecmp.Compare(h.source.path, filepath.Join(to, h.source.path), treecmp.Options{Most: 5})
	if len(differences) > 0 {
		return fmt.Errorf("%s: the archive differs from the source: %w", h.name, errors.Join(differences...))
	}
	fmt.Fprintf(out, "   %-5s %s: %d files, directories and links equal in content, mode and time\n", h.name, h.last.ArchiveName, seen)
	return os.RemoveAll(to)
}
