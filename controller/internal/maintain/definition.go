package maintain

import (
	"encoding/hex"

	"crypto/sha256"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// definition is what a person compares. A sealed passphrase cannot be read, but
// that it is another one can be told.
func definition(r job.Repository, by []schedule.Schedule) rest.Definition {
	d := rest.Definition{
		Name: r.Name, Path: r.Path, Encryption: r.Encryption, Compression: r.Compression,
		Sources: r.Sources, Excludes: r.ExcludePatterns, Schedules: []string{},
	}
	if len(r.PassphraseSealed) > 0 {
		sum := sha256.Sum256(r.PassphraseSealed)
		d.PassphraseSealed = hex.EncodeToString(sum[:4])
	}
	for _, s := range by {
		d.Schedules = append(d.Schedules, times(s))
	}
	return d
}

// times is a schedule in one line.
func times(s schedule.Schedule) string {
	out := s.Name + ": " + s.Cron
	if s.Zone != "" {
		out += " " + s.Zone
	}
	if !s.Enabled {
		out += ", paused"
	}
	for _, kind := range s.After.Steps() {
		out += ", then " + string(kind)
	}
	if p := s.After.Prune; p != nil && p.Keep != (job.Keep{}) {
		out += " (" + p.Keep.String() + ")"
	}
	return out
}
