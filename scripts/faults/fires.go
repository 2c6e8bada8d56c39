package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
	"borgfleet/shared/wire"
)

// fire is one time at which one repository is to be backed up.
type fire struct {
	schedule, repository int64
	at                   int64 // Unix time
}

func (f fire) String() string {
	return fmt.Sprintf("%s of schedule %d and repository %d", time.Unix(f.at, 0).UTC().Format(time.RFC3339), f.schedule, f.repository)
}

// made is a job that a host's schedule stands behind, as its directory says.
type made struct {
	host, dir string
	id        int64 // 0: the host has not heard it
	key       job.Key
	spec      job.Spec
}

func (m made) fire() fire {
	return fire{m.spec.ScheduleID, m.spec.Repository.ID, m.spec.FireTime.Unix()}
}

// makings are all of them, on all hosts.
func (t *trial) makings() (out []made, err error) {
	for _, h := range hosts() {
		dirs, err := filepath.Glob(filepath.Join(t.env.Hosts[h].StateDir, "jobs", "*", "spec"))
		if err != nil {
			return nil, err
		}
		for _, file := range dirs {
			m := made{host: h, dir: filepath.Dir(file)}
			if strings.HasPrefix(filepath.Base(m.dir), ".") {
				continue // half-made
			}
			if m.key, err = job.ParseKey(filepath.Base(m.dir)); err != nil {
				return nil, err
			}
			if m.spec, err = readSpec(file); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			m.id = int64(number(filepath.Join(m.dir, "id")))
			if m.spec.ScheduleID != 0 {
				out = append(out, m)
			}
		}
	}
	return out, nil
}

// frameMagic is before the head of each record that is not a journal's.
const frameMagic = "bfl1"

func readSpec(file string) (job.Spec, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return job.Spec{}, err
	}
	payload, framed := strings.CutPrefix(string(data), frameMagic)
	var p fleetv1.JobSpec
	if err := proto.Unmarshal(nextRecord([]byte(payload)), &p); err != nil || !framed {
		return job.Spec{}, errors.Join(errors.New("no spec"), err)
	}
	return wire.ToSpec(&p)
}

// memory is what the hosts remembered of their schedules, at the ends of rounds:
// it may be forgotten later, as when a schedule is removed.
type memory struct {
	keys   map[[2]int64]schedule.Key // by schedule and repository: each host has one of its own
	fired  map[fire]bool
	missed map[[2]int64][]schedule.Missed // by schedule and repository, as told last
	moved  bool                           // the hourly one goes by movedCron
	edited bool                           // the hourly one has had other fire times
}

func newMemory() memory {
	return memory{keys: map[[2]int64]schedule.Key{}, fired: map[fire]bool{}, missed: map[[2]int64][]schedule.Missed{}}
}

// remember reads the hosts' memories.
func (t *trial) remember() error {
	for _, h := range hosts() {
		files, err := filepath.Glob(filepath.Join(t.env.Hosts[h].StateDir, "schedules", "*.json"))
		if err != nil {
			return err
		}
		for _, file := range files {
			repository, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(file), ".json"), 10, 64)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(file)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			var all map[string]schedule.Cursor
			if err := errors.Join(err, json.Unmarshal(data, &all)); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
			for key, c := range all {
				if err := t.take(key, repository, c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// take takes what a host remembers of one schedule and repository.
func (t *trial) take(key string, repository int64, c schedule.Cursor) error {
	raw, err := hex.DecodeString(key)
	if err != nil {
		return err
	}
	k, err := schedule.KeyFromBytes(raw)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(schedules(), func(s timed) bool {
		return strings.HasPrefix(c.Of, s.Cron) || s.ID == hourly && strings.HasPrefix(c.Of, movedCron)
	})
	if i < 0 {
		return fmt.Errorf("a host remembers a schedule that goes by %q", c.Of)
	}
	id := schedules()[i].ID
	of := [2]int64{id, repository}
	if known, ok := t.memory.keys[of]; ok && known != k {
		return fmt.Errorf("schedule %d has two keys for repository %d", id, repository)
	}
	t.memory.keys[of] = k
	seen := map[int64]bool{}
	for _, at := range c.Fired {
		if seen[at.Unix()] {
			t.problem("a host has fired twice for %s", fire{id, repository, at.Unix()})
		}
		seen[at.Unix()] = true
		t.memory.fired[fire{id, repository, at.Unix()}] = true
	}
	t.memory.missed[[2]int64{id, repository}] = c.Missed
	return nil
}

// hourly is the schedule that is edited.
const hourly = 1
