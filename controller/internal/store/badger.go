package store

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// badgerOptions sets the memory that Badger may take, and makes it keep every
// value in its tree: values here stay well under a megabyte, so the value log,
// which would need collecting, stays empty.
func badgerOptions(path string, opt Options) badger.Options {
	o := badger.DefaultOptions(path).
		WithSyncWrites(true).
		WithDetectConflicts(false). // one writer
		WithLogger(badgerLog{opt.Logger}).
		WithMetricsEnabled(false).
		WithMemTableSize(opt.MemTableSize).
		WithNumMemtables(2).
		WithBaseTableSize(8 << 20).
		WithValueThreshold(min(1<<20, opt.MemTableSize/10)).
		WithValueLogFileSize(16 << 20). // the one empty file is mapped whole
		WithBlockCacheSize(opt.BlockCache).
		WithIndexCacheSize(opt.IndexCache).
		WithCompression(options.Snappy). // rows and records; log chunks are packed already
		WithNumCompactors(2).
		WithNumGoroutines(2)
	// Tables no larger further down: a compaction writes ten or so before it
	// frees as many, and that room has to be kept free on the disk.
	o.TableSizeMultiplier = 1
	return o
}

// badgerLog gives Badger's talk to slog. Its "info" is our debug.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(format string, args ...any)   { l.say(slog.LevelWarn, format, args) }
func (l badgerLog) Warningf(format string, args ...any) { l.say(slog.LevelWarn, format, args) }
func (l badgerLog) Infof(format string, args ...any)    { l.say(slog.LevelDebug, format, args) }

// Debugf is called in the path of every write, so even looking costs.
func (l badgerLog) Debugf(string, ...any) {}

func (l badgerLog) say(level slog.Level, format string, args []any) {
	ctx := context.Background()
	if !l.log.Enabled(ctx, level) {
		return
	}
	l.log.Log(ctx, level, "badger: "+strings.TrimSpace(fmt.Sprintf(format, args...)))
}
