package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// addFleet makes what the jobs are of: agents, their repositories, schedules.
func (f *filler) addFleet(ctx context.Context) error {
	enrolled := f.until.Add(-f.span)
	names := make([]string, f.agents)
	err := f.each(ctx, f.agents, func(tx *store.Tx, i int) error {
		a := f.agent(i, enrolled)
		names[i] = a.Name
		return tx.PutAgent(a)
	})
	if err != nil {
		return err
	}
	f.repos = make([]repository, f.repositories)
	err = f.each(ctx, f.repositories, func(tx *store.Tx, i int) error {
		f.repos[i] = f.repository(tx, i, names[i%f.agents], enrolled)
		return tx.PutRepository(f.repos[i].Repository)
	})
	if err != nil {
		return err
	}
	return f.each(ctx, f.schedules, func(tx *store.Tx, i int) error {
		def := store.Schedule{Schedule: f.schedule(tx, i), CreatedAt: enrolled, Since: enrolled, By: "admin"}
		for _, r := range f.repos {
			if r.schedule == i {
				def.Repositories = append(def.Repositories, r.ID)
			}
		}
		f.defs = append(f.defs, def.Schedule)
		return tx.PutSchedule(def)
	})
}

func agentID(i int) string {
	return fmt.Sprintf("%08x-7c3e-4000-8000-%012x", 0x5eed0000+i, i*7919)
}

func (f *filler) agent(i int, enrolled time.Time) store.Agent {
	name := fmt.Sprintf("host-%05d", i+1)
	a := store.Agent{
		ID: agentID(i), Name: name, EnrolledName: name, Hostname: name + ".example.org", Version: "1.4.0",
		StateID:    fmt.Sprintf("%032x", f.rand.Uint64()),
		EnrolledAt: enrolled, ValidFrom: enrolled, LastContactAt: f.until.Add(-time.Duration(f.rand.IntN(300)) * time.Second),
		CertificateExpiresAt: f.until.AddDate(0, 0, 20), MaxParallel: 1,
		Timezone: one(f, "Europe/Berlin", "Europe/London", "America/New_York", "UTC"),
		Borg:     []store.BorgBinary{{Path: "/usr/bin/borg", Version: one(f, "1.2.4", "1.2.8", "1.4.0")}},
		Labels: map[string]string{
			"env":  one(f, "prod", "prod", "prod", "test", "dev"),
			"site": one(f, "berlin", "paris", "london", "oslo", "rome", "madrid", "vienna", "prague"),
		},
	}
	if i%200 == 0 {
		a.Labels["rack"] = "old" // few have it
	}
	return a
}

func (f *filler) repository(tx *store.Tx, i int, agent string, made time.Time) repository {
	name := one(f, "home", "etc", "databases", "mail", "www", "vm-images")
	r := repository{agent: agent, schedule: -1, size: math.Exp(20 + 4*f.rand.Float64()), files: math.Exp(7 + 6*f.rand.Float64())}
	if !f.chance(0.02) {
		r.schedule = f.rand.IntN(f.schedules)
	}
	id := make([]byte, 32)
	for at := 0; at < len(id); at += 8 {
		binary.BigEndian.PutUint64(id[at:], f.rand.Uint64())
	}
	r.Repository = store.Repository{
		Agent: agentID(i % f.agents), Status: store.RepositoryReady, CreatedAt: made,
		Repository: job.Repository{
			ID: tx.NewRepositoryID(), Name: fmt.Sprintf("%s-%d", name, i/f.agents+1),
			Path:       fmt.Sprintf("ssh://borg@backup%d.example.org/srv/borg/%s/%s-%d", i%4+1, agent, name, i/f.agents+1),
			Encryption: "repokey-blake2", Compression: "zstd,3", BorgID: hex.EncodeToString(id),
			Sources:         []string{"/etc", "/home", "/var/lib/" + name},
			ExcludePatterns: []string{"*/.cache", "*.tmp", "/home/*/Downloads"},
			Retention:       job.Keep{Daily: 7, Weekly: 4, Monthly: 12},
		},
	}
	return r
}

func (f *filler) schedule(tx *store.Tx, i int) schedule.Schedule {
	def := schedule.Schedule{
		ID: tx.NewScheduleID(), Name: fmt.Sprintf("nightly-%03d", i+1), Enabled: !f.chance(0.02),
		Cron: fmt.Sprintf("%d %d * * *", 15*(i%4), (20+i%10)%24), Splay: 15 * time.Minute,
		CatchUp: schedule.DefaultCatchUp, Overlap: schedule.OverlapSkip, Retries: i % 3, RetryDelay: schedule.DefaultRetryDelay,
		After: job.After{Prune: &job.PruneSpec{}, Compact: i%2 == 0},
	}
	if i%3 == 0 {
		def.After.Check, def.CheckEvery = &job.CheckSpec{Depth: job.CheckRepository, MaxDuration: time.Hour}, 7*24*time.Hour
	}
	binary.BigEndian.PutUint64(def.Key[:], f.rand.Uint64())
	binary.BigEndian.PutUint64(def.Key[8:], f.rand.Uint64())
	return def
}
