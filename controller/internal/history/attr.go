package history

import (
	"math/bits"

	"borgfleet/shared/job"
)

// A row's kind, status and trigger are one bit each in one word, so that a set
// of any of them is matched with one AND. The bits are in memory only; on disk
// are the numbers of encode.go.
const (
	kindShift    = 0 // 10 bits
	statusShift  = 10
	triggerShift = 18
	kindBits     = uint32(1<<10-1) << kindShift
	statusBits   = uint32(1<<8-1) << statusShift
	triggerBits  = uint32(1<<4-1) << triggerShift
	logGoneBit   = uint32(1) << 22
)

// Codes are also the form on disk: they never change, and 0 stands for what
// this build does not know.
func kindCode(k job.Kind) uint8 {
	switch k {
	case job.Init:
		return 1
	case job.Backup:
		return 2
	case job.Prune:
		return 3
	case job.Compact:
		return 4
	case job.Check:
		return 5
	case job.List:
		return 6
	case job.Restore:
		return 7
	case job.BreakLock:
		return 8
	}
	return 0
}

func statusCode(s job.Status) uint8 {
	switch s {
	case job.Pending:
		return 1
	case job.Running:
		return 2
	case job.Completed:
		return 3
	case job.CompletedWithWarnings:
		return 4
	case job.Failed:
		return 5
	case job.Cancelled:
		return 6
	}
	return 0
}

func triggerCode(t job.TriggeredBy) uint8 {
	switch t {
	case job.ByManual:
		return 1
	case job.BySchedule:
		return 2
	case job.ByAgent:
		return 3
	}
	return 0
}

func kindOf(code uint8) job.Kind {
	kinds := [...]job.Kind{"", job.Init, job.Backup, job.Prune, job.Compact, job.Check, job.List, job.Restore, job.BreakLock}
	if int(code) < len(kinds) {
		return kinds[code]
	}
	return ""
}

func statusOf(code uint8) job.Status {
	statuses := [...]job.Status{"", job.Pending, job.Running, job.Completed, job.CompletedWithWarnings, job.Failed, job.Cancelled}
	if int(code) < len(statuses) {
		return statuses[code]
	}
	return ""
}

func triggerOf(code uint8) job.TriggeredBy {
	triggers := [...]job.TriggeredBy{"", job.ByManual, job.BySchedule, job.ByAgent}
	if int(code) < len(triggers) {
		return triggers[code]
	}
	return ""
}

func attrOf(kind, status, trigger uint8) uint32 {
	return 1<<(kindShift+kind) | 1<<(statusShift+status) | 1<<(triggerShift+trigger)
}

// kindIn is the code of the kind in a word of bits.
func kindIn(attr uint32) uint8 {
	return uint8(bits.TrailingZeros32(attr&kindBits) - kindShift)
}

// statusIn is the code of the status in a word of bits.
func statusIn(attr uint32) uint8 {
	return uint8(bits.TrailingZeros32(attr&statusBits) - statusShift)
}

func kindMask(ks []job.Kind) uint32 {
	var m uint32
	for _, k := range ks {
		m |= 1 << (kindShift + kindCode(k))
	}
	return m
}

func statusMask(ss []job.Status) uint32 {
	var m uint32
	for _, s := range ss {
		m |= 1 << (statusShift + statusCode(s))
	}
	return m
}
