package store

import (
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/dgraph-io/badger/v4"

	"borgfleet/controller/internal/history"
)

// groupRequests bounds how long the first of a group waits for the last.
const groupRequests = 1024

// write is one key's staged change.
type write struct {
	value   []byte
	deleted bool
	expires uint64 // Unix seconds; 0: never
}

// group is what goes to the disk together.
type group struct {
	s        *Store
	requests []*request
	view     *badger.Txn // what the disk says, opened by the first read

	writes map[string]write
	bytes  int64 // of writes, as Badger counts them
	urgent bool  // one of the updates is

	changes  []change // for the published state
	index    []func(*history.Index)
	forget   []outdated
	changed  []Changed
	onCommit []func()
	undo     []func()
}

func newGroup(s *Store) *group { return &group{s: s, writes: map[string]write{}} }

func (g *group) close() {
	if g.view != nil {
		g.view.Discard()
	}
}

// full leaves room for one more update of the largest size, so that a group
// never has to be split.
func (g *group) full() bool {
	return len(g.requests) >= groupRequests ||
		g.bytes >= g.s.limits.groupBytes || len(g.writes) >= g.s.limits.groupKeys
}

// run runs one update's function. If it fails, the group is as it was.
func (g *group) run(fn func(*Tx) error) error {
	mark := len(g.undo)
	before := g.mark()
	tx := &Tx{s: g.s, g: g}
	err := call(fn, tx)
	tx.ended = true
	if err == nil {
		err = tx.err
	}
	if err != nil {
		g.rollbackTo(mark)
		g.reset(before)
		return err
	}
	g.urgent = g.urgent || tx.urgent
	return nil
}

// call makes an error of a panic: the committer serves everybody, and one
// caller's mistake must not end it.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			tx.s.opt.Logger.Error("panic in an update", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in an update: %v", p)
		}
	}()
	return fn(tx)
}

type groupMark struct{ changes, index, forget, changed, onCommit int }

func (g *group) mark() groupMark {
	return groupMark{len(g.changes), len(g.index), len(g.forget), len(g.changed), len(g.onCommit)}
}

func (g *group) reset(m groupMark) {
	g.changes = g.changes[:m.changes]
	g.index = g.index[:m.index]
	g.forget = g.forget[:m.forget]
	g.changed = g.changed[:m.changed]
	g.onCommit = g.onCommit[:m.onCommit]
}

func (g *group) rollback() { g.rollbackTo(0) }

func (g *group) rollbackTo(mark int) {
	for _, undo := range slices.Backward(g.undo[mark:]) {
		undo()
	}
	g.undo = g.undo[:mark]
}

// answer tells everyone. With an error of the commit even those hear it whose
// own function had failed: it had looked at things that are not there now.
func (g *group) answer(commit error) {
	for _, r := range g.requests {
		if commit != nil {
			r.done <- commit
		} else {
			r.done <- r.err
		}
	}
}

func (g *group) stage(key string, w write) {
	old, had := g.writes[key]
	grown := cost(key, w)
	if had {
		grown -= cost(key, old)
	}
	g.writes[key] = w
	g.bytes += grown
	g.undo = append(g.undo, func() {
		if had {
			g.writes[key] = old
		} else {
			delete(g.writes, key)
		}
		g.bytes -= grown
	})
}

// cost is a little more than what Badger counts against its limit.
func cost(key string, w write) int64 { return int64(len(key) + len(w.value) + 32) }

// get reads a key as it will be after the commit.
func (g *group) get(key []byte) ([]byte, bool, error) {
	if w, ok := g.writes[string(key)]; ok {
		if w.deleted || w.expires != 0 && w.expires <= uint64(time.Now().Unix()) {
			return nil, false, nil
		}
		return w.value, true, nil
	}
	return get(g.disk(), key)
}

func (g *group) disk() *badger.Txn {
	if g.view == nil {
		g.view = g.s.db.NewTransaction(false)
	}
	return g.view
}
