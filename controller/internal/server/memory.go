package server

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// leastMemory is what the collector may let grow without a look at it: ten
	// thousand agents and a million jobs fit in.
	leastMemory = 1200 << 20
	// memoryEvery is how often the limit is fitted to what is in use.
	memoryEvery = 10 * time.Second
)

// memory keeps the process's memory to what it uses and a quarter. Go's collector
// would let the heap grow by as much as is alive, stacks counted: a controller of
// ten thousand agents, each with some goroutines, would take twice what it needs.
type memory struct{}

// Run fits the limit until ctx ends. Where GOMEMLIMIT is set, that is the limit.
func (memory) Run(ctx context.Context) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	defer debug.SetMemoryLimit(math.MaxInt64)
	t := time.NewTicker(memoryEvery)
	defer t.Stop()
	for {
		debug.SetMemoryLimit(memoryLimit(inUse()))
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// memoryLimit leaves the collector a quarter of what is in use to work with. A
// fixed limit would have it run without an end in a fleet that has outgrown it.
func memoryLimit(inUse uint64) int64 {
	return int64(max(leastMemory, inUse/4*5))
}

// inUse is what the collector cannot free: the heap that was alive when it last
// looked, the stacks, and its own.
func inUse() uint64 {
	parts := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/metadata/mspan/inuse:bytes"},
		{Name: "/memory/classes/metadata/other:bytes"},
	}
	metrics.Read(parts)
	var sum uint64
	for _, p := range parts {
		if p.Value.Kind() == metrics.KindUint64 {
			sum += p.Value.Uint64()
		}
	}
	return sum
}
