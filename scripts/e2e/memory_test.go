package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

const megabyte = 1 << 20

// procBytes is a figure of a file in /proc that is given in kB; 0 if the
// process has gone.
func procBytes(pid int, file, name string) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// peak is the most memory that a process had at once since resetPeak.
func peak(pid int) int64 { return procBytes(pid, "status", "VmHWM") }

func resetPeak(t *testing.T, pid int) {
	t.Helper()
	fatal(t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0))
}

// watched looks at a host's memory until it is stopped.
type watched struct {
	stop chan struct{}
	most chan int64
}

// watchHost watches the daemon's and the job processes' share of memory.
func watchHost(h *testenv.Host) watched {
	w := watched{make(chan struct{}), make(chan int64, 1)}
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		var most int64
		for {
			sum := procBytes(h.PID(), "smaps_rollup", "Pss")
			for _, pid := range h.JobProcesses() {
				sum += procBytes(pid, "smaps_rollup", "Pss")
			}
			most = max(most, sum)
			select {
			case <-tick.C:
			case <-w.stop:
				w.most <- most
				return
			}
		}
	}()
	return w
}

func (w watched) end() int64 {
	close(w.stop)
	return <-w.most
}

func mb(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/megabyte) }
