package server

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestMemoryLimit(t *testing.T) {
	for inUse, want := range map[uint64]int64{0: leastMemory, 100 << 20: leastMemory, 960 << 20: leastMemory, 4 << 30: 5 << 30} {
		if got := memoryLimit(inUse); got != want {
			t.Errorf("with %d in use it is %d, want %d", inUse, got, want)
		}
	}
	kept := make([]byte, 64<<20)
	runtime.GC()
	if n := inUse(); n < uint64(len(kept)) {
		t.Errorf("%d are in use, with %d alive", n, len(kept))
	}
	runtime.KeepAlive(kept)
}

// TestMemoryIsLimited: while it runs, and not after; what a person has set stays.
func TestMemoryIsLimited(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		memory{}.Run(ctx)
		close(ended)
	}()
	for debug.SetMemoryLimit(-1) == math.MaxInt64 {
		select {
		case <-ended:
			t.Fatal("it has ended")
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	<-ended
	if got := debug.SetMemoryLimit(-1); got != math.MaxInt64 {
		t.Errorf("it leaves a limit of %d", got)
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	memory{}.Run(t.Context()) // ends by itself
	if got := debug.SetMemoryLimit(-1); got != 1<<40 {
		t.Errorf("a limit that was set has become %d", got)
	}
}
