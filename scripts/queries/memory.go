package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// memory is what a process holds: its own, and with the parts of files that the
// kernel keeps for it as long as nobody else needs the room.
func memory(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "", err
	}
	kb := map[string]int{}
	for line := range strings.Lines(string(data)) {
		var name string
		var n int
		if _, err := fmt.Sscanf(line, "%s %d kB", &name, &n); err == nil {
			kb[strings.TrimSuffix(name, ":")] = n
		}
	}
	return fmt.Sprintf("%d MiB of its own, %d MiB with mapped files, %d MiB at most", kb["RssAnon"]>>10, kb["VmRSS"]>>10, kb["VmHWM"]>>10), nil
}

// blocks is what a file takes: tables are mapped longer than they are.
func blocks(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}
