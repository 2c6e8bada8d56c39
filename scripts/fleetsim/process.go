package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what a process takes, as /proc says.
type usage struct {
	RSS  int64   `json:"rss_bytes"`
	PSS  int64   `json:"pss_bytes"`
	Peak int64   `json:"peak_rss_bytes"`
	CPU  float64 `json:"cpu_seconds"`
}

// usageOf reads it; what is not there is 0.
func usageOf(pid int) (u usage, err error) {
	dir := fmt.Sprintf("/proc/%d/", pid)
	status, err := kilobytes(dir + "status")
	if err != nil {
		return u, err
	}
	u.RSS, u.Peak = status["VmRSS"], status["VmHWM"]
	if roll, err := kilobytes(dir + "smaps_rollup"); err == nil { // only its owner may read it
		u.PSS = roll["Pss"]
	}
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return u, err
	}
	// The name may have spaces; what follows it has none.
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return u, fmt.Errorf("%sstat has %d fields", dir, len(f))
	}
	var ticks int64
	for _, s := range f[11:13] { // in user mode and in the kernel
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return u, err
		}
		ticks += n
	}
	u.CPU = (time.Duration(ticks) * time.Second / 100).Seconds()
	return u, nil
}

// kilobytes reads lines such as "VmRSS:  1234 kB".
func kilobytes(file string) (map[string]int64, error) {
	r, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out := map[string]int64{}
	for s := bufio.NewScanner(r); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		if n, err := strconv.ParseInt(f[1], 10, 64); err == nil {
			out[strings.TrimSuffix(f[0], ":")] = n << 10
		}
	}
	return out, nil
}
