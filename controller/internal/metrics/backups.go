package metrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"borgfleet/controller/internal/fleet"
)

// backups are the families about each registered repository.
type backups struct {
	good, took, original, dedup, shrunk, last, status, expected, stale, vanished family
}

func backupReading(fl Fleet) prometheus.Collector {
	of := func(name, help string, more ...string) family {
		return gauge(name, help, append([]string{"agent", "repository"}, more...)...)
	}
	b := backups{
		good:     of("backup_last_good_timestamp_seconds", "When the newest good backup was made, or was due if a schedule made it. Absent if there is none, like all that is about it."),
		took:     of("backup_last_good_duration_seconds", "How long the newest good backup ran."),
		original: of("backup_last_good_original_bytes", "What the newest good backup read."),
		dedup:    of("backup_last_good_deduplicated_bytes", "What the newest good backup added to the repository."),
		shrunk:   of("backup_shrunk", "1 if the newest good backup read less than half of what the last normal one did, and nobody has accepted that."),
		last:     of("backup_last_timestamp_seconds", "When the newest backup was made, or was due, whatever became of it. Absent if there is none."),
		status:   of("backup_last_status", "Always 1; the label says how the newest backup stands.", "status"),
		expected: of("backup_expected_timestamp_seconds", "When the newest backup that there should be by now was due. Absent if no schedule expects one."),
		stale:    of("backup_stale", "1 if the newest good backup is older than the schedules say, if there is none though one was due, or if the repository could not be set up."),
		vanished: of("archives_vanished", "Archives that have gone from the repository though no job of the fleet removed them, and that nobody has acknowledged."),
	}
	families := []family{b.good, b.took, b.original, b.dedup, b.shrunk, b.last, b.status, b.expected, b.stale, b.vanished}
	return reading{families, func(out sink) error {
		all, err := fl.BackupStates(context.Background())
		for _, v := range all {
			b.put(out, v)
		}
		return err
	}}
}

func (b backups) put(out sink, v fleet.BackupState) {
	labels := pairs(b.stale.labels, []string{v.AgentName, v.Name})
	out.with(b.stale, truth(v.Stale), labels)
	out.with(b.vanished, float64(v.Vanished), labels)
	out.moment(b.expected, v.ExpectedAt, labels)
	if newest := v.Last.Job; newest.ID != 0 {
		out.moment(b.last, newest.CreatedAt, labels)
		out.put(b.status, 1, v.AgentName, v.Name, string(newest.Status))
	}
	if v.Good.ID != 0 {
		out.moment(b.good, v.Good.CreatedAt, labels)
		out.with(b.took, v.Took.Seconds(), labels)
		out.with(b.original, float64(v.Good.Original), labels)
		out.with(b.dedup, float64(v.Dedup), labels)
		out.with(b.shrunk, truth(v.Shrunk()), labels)
	}
}
