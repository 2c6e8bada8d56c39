package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"borgfleet/controller/internal/history"
)

// Store is an open data directory.
type Store struct {
	dir    *dir
	opt    Options
	db     *badger.DB
	codec  codec
	limits limits
	space  space

	presence presence
	flushes  *flushes
	watching sync.WaitGroup // watch

	write func(map[string]write) error // writeBadger; a test can make it fail

	index    *history.Index // locks for itself
	cache    *cache         // locks for itself
	versions versions

	// The committer's own; nobody else touches them while it runs.
	working state
	next    counters
	tails   map[int64][]tail

	mu        sync.RWMutex // guards published
	published state

	folding sync.RWMutex // held while jobs turn into tallies, and while both are summed up

	queue   *queue
	stopped chan struct{} // closed when the committer has ended

	failOnce sync.Once
	failed   atomic.Pointer[error]
	failedCh chan struct{}
	observer atomic.Pointer[func([]Changed)]
	waiting  chan struct{} // holds one token while something may wait to be delivered

	readers   readers
	id        string
	restored  *Restored // nil: this store was not made from a backup
	stats     stats
	closing   chan struct{} // closed when everything is, or was let go
	closeOnce sync.Once
	closeErr  error
}

type stats struct {
	updates, commits, audited atomic.Uint64
	waiting                   atomic.Int64
}

// Stats is what the store has done since it was opened.
type Stats struct {
	Updates uint64 // carried out
	Commits uint64 // transactions, each synced
	Audited uint64 // entries of the audit log
	Waiting int64  // updates that are not answered at this moment
}

// Open opens the data directory, or makes it. The directory should be the
// store's alone.
func Open(path string, opt Options) (*Store, error) {
	opt = opt.withDefaults()
	d, err := openDir(path)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: d, opt: opt, cache: newCache(), queue: newQueue(),
		working: newState(), published: newState(), tails: map[int64][]tail{},
		stopped: make(chan struct{}), failedCh: make(chan struct{}), waiting: make(chan struct{}, 1),
		space: space{path: path, keep: uint64(opt.KeepFree), free: freeBytes}, flushes: &flushes{patience: stuckAfter},
		closing: make(chan struct{}),
	}
	s.write = s.writeBadger
	if err := s.open(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	go s.run()
	s.watching.Go(func() { s.watch(s.closing) })
	return s, nil
}

func (s *Store) open() (err error) {
	// Badger itself needs room to open; a controller that can only read is
	// worth having, so this is less than what a write needs.
	if err := s.space.checkOpen(); err != nil {
		return err
	}
	if err := s.dir.removeEmptyMemtables(s.opt.Logger); err != nil {
		return err
	}
	if s.codec, err = newCodec(); err != nil {
		return err
	}
	said := flushLog{badgerLog{s.opt.Logger}, s.flushes}
	if s.db, err = badger.Open(badgerOptions(s.dir.data(), s.opt).WithLogger(said)); err != nil {
		s.codec.close()
		if strings.Contains(err.Error(), "directory lock") { // a tool of Badger's own
			return errInUse(s.dir.path, err)
		}
		return fmt.Errorf("open the store in %s: %w; if its files are damaged, put the whole data directory aside and bring a backup back: borgfleet-controller db restore", s.dir.path, err)
	}
	s.limits = limitsOf(s.db)
	if s.presence, err = presenceOf(s.dir); err == nil {
		err = s.load()
	}
	if err != nil {
		s.codec.close()
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// Close waits for the updates that have been accepted, and closes everything.
// An Update that comes later fails. A store that has failed, or fails now, is let go
// if it does not end: what it has acknowledged is in Badger's log. It keeps its lock
// then, until the process ends.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		closed := make(chan error, 1)
		if s.within(func() { closed <- s.close() }) {
			s.closeErr = <-closed
		} else {
			s.closeErr = fmt.Errorf("close the store: Badger did not end, and was let go: %w", s.Err())
		}
		close(s.closing)
		s.watching.Wait()
	})
	return s.closeErr
}

func (s *Store) close() error {
	s.queue.close()
	<-s.stopped
	s.readers.end()
	err := s.db.Close()
	if err != nil {
		err = fmt.Errorf("close the store: %w", err)
	}
	s.codec.close()
	return errors.Join(err, s.dir.close())
}

// ID names this store. One that is restored from a backup has another.
func (s *Store) ID() string { return s.id }

// Restored says which backup this store was made from, if it was.
func (s *Store) Restored() (Restored, bool) {
	if s.restored == nil {
		return Restored{}, false
	}
	return *s.restored, true
}

// Stats says what the store has done since it was opened.
func (s *Store) Stats() Stats {
	return Stats{
		Updates: s.stats.updates.Load(), Commits: s.stats.commits.Load(),
		Audited: s.stats.audited.Load(), Waiting: s.stats.waiting.Load(),
	}
}

// Sync waits until everything that was accepted before has been carried out.
func (s *Store) Sync(ctx context.Context) error {
	return s.Update(ctx, func(*Tx) error { return nil })
}

func newStoreID() string { return strings.ToLower(rand.Text()) }
