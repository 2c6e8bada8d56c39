package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// moveHourly edits a schedule of which the controller has just been backed up:
// what is restored from that knows another one than the host.
func (t *trial) moveHourly() error {
	t.memory.edited = true
	t.memory.moved = !t.memory.moved
	return t.changeSchedule(hourly, map[string]any{"cron_expression": t.hourlyCron()})
}

// hourlyCron is what the hourly schedule goes by now.
func (t *trial) hourlyCron() string {
	if t.memory.moved {
		return movedCron
	}
	return schedules()[0].Cron
}

// heardHourly waits until its host goes by that.
func (t *trial) heardHourly() error {
	return t.heardSchedules("are edited", func(s shownSchedule) bool { return s.ID != hourly || s.Cron == t.hourlyCron() })
}

// settleDifference decides whose schedule counts, as an administrator does after
// a restore: that of the host, or that of the controller.
func (t *trial) settleDifference() error {
	settled := false
	whose := "--host"
	if t.seed%3 == 0 {
		whose = "--controller"
	}
	err := t.env.Await("what the host has otherwise is settled", func() (bool, error) {
		out, err := t.env.Controller.CLI("db", "differences", "-o", "json")
		if err != nil {
			return false, fmt.Errorf("%w: %s", err, out)
		}
		var list struct {
			Differences []struct {
				Agent      string
				Repository int64
				Settled    bool
			}
		}
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			return false, err
		}
		if len(list.Differences) == 0 {
			if settled {
				return true, nil
			}
			return false, errors.New("there is none")
		}
		for _, d := range list.Differences {
			if d.Settled {
				continue
			}
			if out, err := t.env.Controller.CLI("db", "settle", d.Agent, strconv.FormatInt(d.Repository, 10), whose); err != nil {
				return false, fmt.Errorf("%w: %s", err, out)
			}
			settled = true
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	if whose == "--controller" {
		t.memory.moved = !t.memory.moved // as it was when the backup was taken
	}
	return t.heardHourly()
}
