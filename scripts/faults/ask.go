package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"borgfleet/scripts/testenv"
)

// ask does one piece of work, whatever is broken meanwhile: a person or a script
// that gets no answer asks again.
func (t *trial) ask(ctx context.Context, w work) {
	a, err := t.begin(ctx, w)
	if err != nil {
		t.problem("ask for %s: %v", w.repository, err)
		return
	}
	t.mu.Lock()
	t.asked = append(t.asked, a)
	t.mu.Unlock()
	if w.cancel == 0 || a.id == 0 {
		return
	}
	pause(ctx, w.cancel)
	// It may be over, or nobody may answer: whatever comes of it must be told
	// truly, that is all.
	_ = t.env.API.Post(fmt.Sprintf("/api/backup/cancel/%d", a.id), struct{}{}, nil)
}

func (t *trial) begin(ctx context.Context, w work) (asked, error) {
	switch {
	case w.local:
		return t.askHost(w)
	case w.restore:
		return t.askRestore(ctx, w)
	}
	id, err := t.post(ctx, "/api/backup/start", map[string]any{"repository": w.repository})
	return asked{work: w, id: id}, err
}

// patience is for an answer through all that is broken.
const patience = 60 * time.Second

// post asks until there is an answer, always with the same key: however often
// it was heard, it is one job.
func (t *trial) post(ctx context.Context, path string, body any) (int64, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	key := fmt.Sprintf("seed-%d-%d", t.seed, t.counter.Add(1))
	for end := time.Now().Add(patience); ; pause(ctx, 50*time.Millisecond) {
		id, err := t.postOnce(ctx, path, key, data)
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return id, err
		}
		if p, ok := errors.AsType[*testenv.Problem](err); ok && p.Status/100 == 4 && !mayPass(p.Status) {
			return 0, err
		}
	}
}

// mayPass: a token is from the future for a clock that was set back.
func mayPass(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusUnauthorized
}

func (t *trial) postOnce(ctx context.Context, path, key string, body []byte) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.env.API.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	data, resp, err := t.env.API.Send(req)
	if err != nil {
		return 0, err
	}
	var out struct {
		ID     int64 `json:"job_id"`
		Detail string
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, &testenv.Problem{Status: resp.StatusCode, Detail: out.Detail}
	}
	t.watch.promised(out.ID)
	return out.ID, nil
}

// askRestore restores the first archive of a repository, which is always there.
func (t *trial) askRestore(ctx context.Context, w work) (asked, error) {
	r := repoNamed(w.repository)
	archive, err := t.firstArchive(r)
	if err != nil {
		return asked{}, err
	}
	to := filepath.Join(t.dir, "restores-"+r.host, fmt.Sprintf("%s-%d", r.name, w.after))
	id, err := t.post(ctx, "/api/restore/start", map[string]any{
		"repository": r.name, "archive": archive, "paths": []string{t.source(r)}, "destination": to,
	})
	return asked{work: w, id: id, to: to}, err
}

func repoNamed(name string) repo {
	i := slices.IndexFunc(repositories(), func(r repo) bool { return r.name == name })
	return repositories()[i]
}

// firstArchive is what the first backup made, by what the host's witness saw.
func (t *trial) firstArchive(r repo) (string, error) {
	data, err := os.ReadFile(filepath.Join(t.borg[r.host].dir, "executed"))
	if err != nil {
		return "", err
	}
	for _, name := range strings.Fields(string(data)) {
		if strings.HasPrefix(name, r.host+"-"+r.name+"-") {
			return name, nil
		}
	}
	return "", fmt.Errorf("no archive of %s", r.name)
}

// askHost starts a backup on the host itself, once: with the daemon away, or its
// disk full, nothing was promised.
func (t *trial) askHost(w work) (asked, error) {
	h := t.env.Hosts[repoNamed(w.repository).host]
	_, err := h.CLI("backup", w.repository)
	return asked{work: w, heard: err == nil}, nil // else the person has seen an error
}
