package jobproc

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/shared/job"
)

// totals is what the last good backup of the same sources read. Losing it
// costs an estimate, so it is not synced.
type totals struct {
	ContentSize int64 `json:"content_size"`
	NFiles      int64 `json:"nfiles"`
}

// totalsName is the same as long as the same files are read into the same
// repository.
func totalsName(repo job.Repository) string {
	b, err := json.Marshal([]any{
		repo.ID, repo.Path, repo.Sources, repo.ExcludePatterns, repo.OneFileSystem,
		repo.ExcludeCaches, repo.ExcludeIfPresent,
	})
	if err != nil { // strings, numbers and flags always encode
		return "unknown"
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:12]) + ".json"
}

func (p *process) totalsFile() string {
	return filepath.Join(p.c.State.Totals(), totalsName(p.spec.Repository))
}

// previous is zero when nothing is known.
func (p *process) previous() totals {
	var t totals
	b, err := os.ReadFile(p.totalsFile())
	if err == nil && json.Unmarshal(b, &t) != nil {
		t = totals{}
	}
	return t
}

// expected is how much a backup will most likely read; 0 for all else.
func (p *process) expected() int64 {
	if p.spec.Kind != job.Backup {
		return 0
	}
	return p.previous().ContentSize
}

func (p *process) remember(content, files int64) {
	b, err := json.Marshal(totals{ContentSize: content, NFiles: files})
	if err == nil {
		err = os.MkdirAll(p.c.State.Totals(), 0o700)
	}
	if err == nil {
		err = atomicfile.Swap(p.totalsFile(), b)
	}
	if err != nil {
		p.log.Warn("totals are not kept", "err", err)
	}
}
