package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"borgfleet/scripts/testenv"
)

const smallFiles = 20_000

func (b *bench) bigFile(name string, size int64) (string, error) {
	dir := filepath.Join(b.dir, "source-"+name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	f, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	src := rand.NewChaCha8([32]byte{byte(size >> 20)})
	block := make([]byte, 1<<20)
	for range size >> 20 {
		src.Read(block)
		if _, err := w.Write(block); err != nil {
			return "", err
		}
	}
	return dir, w.Flush()
}

// big: 1 GB and 20 000 files into a new repository, beside the same borg alone;
// and what the agent's own processes cost meanwhile.
func (b *bench) big() error {
	source, err := b.bigFile("big", 1<<30)
	if err != nil {
		return err
	}
	for i := range smallFiles {
		sub := filepath.Join(source, fmt.Sprintf("d%03d", i/100))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("f%05d", i)), fmt.Appendf(nil, "content of file %d\n", i), 0o644); err != nil {
			return err
		}
	}
	var alone, fleet, cpuBorg, cpuAgent, pss sample
	for i := range b.pairs {
		wall, cpu, err := b.bigBare(i, source)
		if err != nil {
			return err
		}
		alone.add(wall)
		cpuBorg.add(cpu)
		w, err := b.bigFleet(i, source)
		if err != nil {
			return err
		}
		fleet.add(w.wall)
		cpuAgent.add(w.cpu)
		pss = append(pss, float64(w.pss)/1e6)
	}
	r := ratios(fleet, alone)
	b.say("1 GB + 20 000 files: bare borg, wall", "", alone.ms())
	b.say("1 GB + 20 000 files: through the fleet, wall", "", fleet.ms())
	b.say("1 GB + 20 000 files: fleet / bare", "<= 1.01", fmt.Sprintf("%.3f (%.3f to %.3f)", r.median(), slices.Min(r), slices.Max(r)))
	b.say("1 GB + 20 000 files: borg's CPU", "", cpuBorg.ms())
	b.say("1 GB + 20 000 files: agent's CPU (daemon + job process)", fmt.Sprintf("<= %.0f ms", cpuBorg.median()/100+50), cpuAgent.ms())
	b.say("1 GB + 20 000 files: agent's PSS (daemon + job process)", "<= 30 MB", fmt.Sprintf("%.1f MB (%.1f to %.1f)", pss.median(), slices.Min(pss), slices.Max(pss)))
	return nil
}

func (b *bench) bigBare(i int, source string) (wall, cpu time.Duration, err error) {
	repo, err := b.bareInit(fmt.Sprintf("big-%d", i))
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(repo)
	cmd := b.bareCreate(repo, source)
	t0 := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, 0, err
	}
	return time.Since(t0), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// cost is what one backup through the fleet took.
type cost struct {
	wall, cpu time.Duration
	pss       int64 // most that was seen, bytes
}

func (b *bench) bigFleet(i int, source string) (cost, error) {
	repo, err := b.register(fmt.Sprintf("big-%d", i), source)
	if err != nil {
		return cost{}, err
	}
	defer os.RemoveAll(repo)
	m := watchCost(b.env.Hosts["host"])
	t0 := time.Now()
	id, err := b.env.API.Backup(repo)
	if err != nil {
		m.stop()
		return cost{}, err
	}
	j, err := b.env.API.Job(id)
	for err == nil && !j.Final() {
		time.Sleep(20 * time.Millisecond)
		j, err = b.env.API.Job(id)
	}
	c := m.stop()
	c.wall = time.Since(t0)
	if err == nil && j.Status != "completed" {
		err = fmt.Errorf("%s: %s", j.Status, j.ErrorMessage)
	}
	return c, err
}

// meter samples what the agent's processes use: a process that has ended cannot
// be asked any more, so the last look before its end counts.
type meter struct {
	host   *testenv.Host
	before time.Duration // the daemon's CPU time at the start
	quit   chan struct{}
	done   sync.WaitGroup
	jobs   map[int]time.Duration
	pss    int64
}

func watchCost(h *testenv.Host) *meter {
	m := &meter{host: h, before: cpuTime(h.PID()), quit: make(chan struct{}), jobs: map[int]time.Duration{}}
	m.done.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-m.quit:
				return
			case <-tick.C:
				m.look(n%20 == 0)
			}
		}
	})
	return m
}

func (m *meter) look(memory bool) {
	if memory || len(m.jobs) == 0 {
		for _, pid := range m.host.JobProcesses() {
			if _, known := m.jobs[pid]; !known {
				m.jobs[pid] = 0
			}
		}
	}
	sum := int64(0)
	for pid := range m.jobs {
		m.jobs[pid] = max(m.jobs[pid], cpuTime(pid))
		if memory {
			sum += pss(pid)
		}
	}
	if memory {
		m.pss = max(m.pss, sum+pss(m.host.PID()))
	}
}

func (m *meter) stop() cost {
	close(m.quit)
	m.done.Wait()
	c := cost{cpu: cpuTime(m.host.PID()) - m.before, pss: m.pss}
	for _, d := range m.jobs {
		c.cpu += d
	}
	return c
}

// cpuTime reads user and system time; the kernel counts them in hundredths of
// a second.
func cpuTime(pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

func pss(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}
