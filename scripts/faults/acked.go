package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// hostNotes is what the hosts' agents have noted on their disks: of each job
// with an id, how many lines of it the controller has acknowledged. What cannot
// be read now, because the disk is without power, is read the next time.
func (t *trial) hostNotes() map[int64]uint64 {
	notes := map[int64]uint64{}
	for _, name := range hosts() {
		dirs, err := filepath.Glob(filepath.Join(t.env.Hosts[name].StateDir, "jobs", "*"))
		if err != nil {
			t.problem("%v", err)
		}
		for _, dir := range dirs {
			id, next := number(filepath.Join(dir, "id")), number(filepath.Join(dir, "acked"))
			if id > 0 && next > 0 {
				notes[int64(id)] = next - 1
			}
		}
	}
	return notes
}

// number reads a small file with a number in it; 0 if there is none. Agents do
// not sync it: without its end of line it is what a power cut has left, and the
// first digit of a job's id would be another job's.
func number(file string) uint64 {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	text, whole := strings.CutSuffix(string(b), "\n")
	n, err := strconv.ParseUint(text, 10, 64)
	if !whole || err != nil {
		return 0
	}
	return n
}
