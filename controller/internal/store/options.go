package store

import (
	"log/slog"
	"time"
)

// DefaultKeepFree is what is left free of the store's disk; below it nothing is
// stored. See space.
const DefaultKeepFree = 256 << 20

// Options says how much a store may take. Zero fields have good values.
type Options struct {
	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
	Meter  Meter            // nil: nobody measures

	MemTableSize int64 // bytes of writes in memory before a table is written
	BlockCache   int64 // bytes
	IndexCache   int64 // bytes
	KeepFree     int64 // bytes of the disk that are left free; see space
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Meter == nil {
		o.Meter = unmeasured{}
	}
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def(&o.MemTableSize, 32<<20)
	def(&o.BlockCache, 64<<20)
	def(&o.IndexCache, 64<<20)
	def(&o.KeepFree, DefaultKeepFree)
	return o
}
