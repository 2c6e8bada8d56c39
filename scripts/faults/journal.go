package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"borgfleet/scripts/testenv"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// recordHead is before each record of a journal: its length, and the CRC-32C of
// that and of the record. It is decoded here once more, from the description of
// the format: the agent's own reader would forgive what its writer did wrong.
const recordHead = 8

// journal is a job's log as it is on its host's disk: records by number.
type journal map[uint64]string

// readJournal reads all segments. What is behind the first thing in a segment
// that is no record is not there, for the agent neither.
func readJournal(dir string) (journal, error) {
	out := journal{}
	segments, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		return nil, err
	}
	slices.Sort(segments)
	until := uint64(math.MaxUint64)
	for _, file := range slices.Backward(segments) {
		first, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(file), ".log"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("journal segment: %w", err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := out.add(first, until, data); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		until = first
	}
	return out, nil
}

// add takes the records below until: there the next segment begins, and what this
// one has from there on was written again after a sync had failed.
func (j journal) add(number, until uint64, data []byte) error {
	for ; number < until; number++ {
		payload := nextRecord(data)
		if payload == nil {
			return nil
		}
		var r fleetv1.Record
		if err := proto.Unmarshal(payload, &r); err != nil {
			return err
		}
		if _, twice := j[r.Number]; twice || r.Number != number {
			return fmt.Errorf("record %d where %d is due (there before: %v)", r.Number, number, twice)
		}
		j[number] = shown(&r)
		data = data[recordHead+len(payload):]
	}
	return nil
}

// nextRecord is the first record of data, nil if there is no whole one.
func nextRecord(data []byte) []byte {
	if len(data) < recordHead {
		return nil
	}
	n := int(binary.LittleEndian.Uint32(data))
	if n > len(data)-recordHead {
		return nil
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Checksum(data[:4], table), table, data[recordHead:recordHead+n])
	if sum != binary.LittleEndian.Uint32(data[4:]) {
		return nil
	}
	return data[recordHead : recordHead+n]
}

// shown is a record as a log shows it.
func shown(r *fleetv1.Record) string {
	if r.Gap != nil {
		return fmt.Sprintf("[%d lines are missing here: %s]", r.Gap.Count, r.Gap.Reason)
	}
	return r.Text
}

// journals are the directories of a host's jobs, by the ids of the jobs.
func (t *trial) journals(host string) map[int64]string {
	out := map[int64]string{}
	dirs, err := filepath.Glob(filepath.Join(t.env.Hosts[host].StateDir, "jobs", "*"))
	if err != nil {
		t.problem("%v", err)
	}
	for _, dir := range dirs {
		id := int64(number(filepath.Join(dir, "id")))
		if other := out[id]; id != 0 && other != "" {
			t.problem("job %d has two directories: %s and %s", id, other, dir)
		}
		out[id] = dir
	}
	return out
}

// compareJournal holds what REST says of a job's log against the journal on its
// host's disk: every number, its text, the same number of them. What is on no
// disk any more is a hole that the log shows.
func (t *trial) compareJournal(j testenv.Job, lines []testenv.Line, dir string) {
	if dir == "" {
		if len(lines) > 0 || j.StartedAt != "" {
			t.problem("job %d has %d lines, and no directory on %s", j.ID, len(lines), j.Agent)
		}
		return
	}
	here, err := readJournal(filepath.Join(dir, "journal"))
	if err != nil {
		t.problem("journal of job %d: %v", j.ID, err)
		return
	}
	for _, l := range lines {
		text, ok := here[l.Number]
		switch {
		case ok && text != l.Content:
			t.problem("job %d: line %d is %.80q, its host's journal has %.80q", j.ID, l.Number, l.Content, text)
			return
		case !ok && !isHole(l.Content):
			t.problem("job %d: line %d (%.80q) is not in its host's journal", j.ID, l.Number, l.Content)
			return
		}
		delete(here, l.Number)
	}
	if len(here) > 0 {
		t.problem("job %d: %d records of its host's journal are not in its log of %d lines", j.ID, len(here), len(lines))
	}
}

func isHole(line string) bool {
	return strings.HasPrefix(line, "[") && strings.Contains(line, " missing here: ")
}
