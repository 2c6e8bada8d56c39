package faultfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// oracle does things to a disk, and knows what the disk may have of them. It
// knows files by their inode numbers, which last.
type oracle struct {
	t     *testing.T
	rnd   *rand.Rand
	dir   string
	order Order
	files map[uint64]*known
	dirs  map[string]map[string][]uint64 // for each name what it may be, 0: not there; the last is what it is
	fresh int
}

// known is what the disk may have of one file.
type known struct {
	f          *os.File // nil: removed and closed, so that nothing live knows it any more
	now        []byte
	synced     []byte
	sizes      []int          // since the last sync
	may        map[int][]byte // bytes written since the last sync, at each place
	linked     bool           // it has had more than one name
	everyName  bool           // it has only ever been created, renamed: some name must be left
	nameSynced bool
}

func newOracle(t *testing.T, fs *FS, seed uint64) *oracle {
	o := &oracle{
		t: t, rnd: rand.New(rand.NewPCG(seed, 2)), dir: fs.Dir(), order: fs.opt.Order,
		files: map[uint64]*known{}, dirs: map[string]map[string][]uint64{},
	}
	for _, d := range []string{"a", "b"} {
		must(t, os.Mkdir(filepath.Join(o.dir, d), 0o700))
		o.dirs[d] = map[string][]uint64{}
	}
	syncDir(t, o.dir)
	return o
}

func (o *oracle) path(dir, name string) string { return filepath.Join(o.dir, dir, name) }

func pick[K comparable](rnd *rand.Rand, keys []K) K { return keys[rnd.IntN(len(keys))] }

func (o *oracle) anyDir() string { return pick(o.rnd, []string{"a", "b"}) }

// anyName is a name that is there.
func (o *oracle) anyName() (dir, name string, ino uint64) {
	for _, dir := range o.rnd.Perm(2) {
		d := []string{"a", "b"}[dir]
		var there []string
		for n, may := range o.dirs[d] {
			if may[len(may)-1] != 0 {
				there = append(there, n)
			}
		}
		if len(there) > 0 {
			slices.Sort(there)
			n := pick(o.rnd, there)
			return d, n, o.dirs[d][n][len(o.dirs[d][n])-1]
		}
	}
	return "", "", 0
}

func (o *oracle) named(dir, name string, ino uint64) {
	may := o.dirs[dir][name]
	if may == nil {
		may = []uint64{0}
	}
	o.dirs[dir][name] = append(may, ino)
}

func (o *oracle) step() {
	dir, name, ino := o.anyName()
	if ino == 0 {
		o.create()
		return
	}
	k := o.files[ino]
	switch o.rnd.IntN(10) {
	case 0:
		o.create()
	case 1, 2, 3:
		o.write(k)
	case 4:
		o.truncate(k)
	case 5:
		o.rename(dir, name, ino)
	case 6:
		o.fresh++
		to, as := o.anyDir(), fmt.Sprintf("l%d", o.fresh)
		must(o.t, os.Link(o.path(dir, name), o.path(to, as)))
		o.named(to, as, ino)
		k.linked, k.everyName = true, false
	case 7:
		must(o.t, os.Remove(o.path(dir, name)))
		o.named(dir, name, 0)
		k.everyName = false
		o.letGo(k)
	case 8:
		must(o.t, k.f.Sync())
		k.synced, k.sizes, k.may = slices.Clone(k.now), []int{len(k.now)}, map[int][]byte{}
		if o.order == Ordered {
			o.settle("a")
			o.settle("b")
		}
	case 9:
		syncDir(o.t, filepath.Join(o.dir, dir))
		o.settle(dir)
		if o.order == Ordered {
			o.settle("a")
			o.settle("b")
		}
	}
}

// letGo closes a file that has lost its only name, half of the time.
func (o *oracle) letGo(k *known) {
	if !k.linked && o.rnd.IntN(2) == 0 {
		must(o.t, k.f.Close())
		k.f = nil
	}
}

func (o *oracle) settle(dir string) {
	for name, may := range o.dirs[dir] {
		o.dirs[dir][name] = may[len(may)-1:]
		if ino := may[len(may)-1]; ino != 0 {
			o.files[ino].nameSynced = true
		}
	}
}

func (o *oracle) create() {
	o.fresh++
	dir, name := o.anyDir(), fmt.Sprintf("f%d", o.fresh)
	f, err := os.OpenFile(o.path(dir, name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	must(o.t, err)
	ino := inoOf(o.t, f.Name())
	o.files[ino] = &known{f: f, sizes: []int{0}, may: map[int][]byte{}, everyName: true}
	o.named(dir, name, ino)
}

func (o *oracle) write(k *known) {
	at := o.rnd.IntN(len(k.now) + 1)
	if o.rnd.IntN(8) == 0 {
		at += o.rnd.IntN(3 * pageSize) // leaves a hole
	}
	data := make([]byte, 1+o.rnd.IntN(3*pageSize))
	for i := range data {
		data[i] = byte(o.rnd.IntN(255) + 1)
	}
	_, err := k.f.WriteAt(data, int64(at))
	must(o.t, err)
	k.resize(max(len(k.now), at+len(data)))
	copy(k.now[at:], data)
	for i, b := range data {
		k.may[at+i] = append(k.may[at+i], b)
	}
}

func (k *known) resize(n int) {
	for i := n; i < len(k.now); i++ {
		k.may[i] = append(k.may[i], 0)
	}
	for len(k.now) < n {
		k.now = append(k.now, 0)
	}
	k.now = k.now[:n]
	k.sizes = append(k.sizes, n)
}

func (o *oracle) truncate(k *known) {
	n := o.rnd.IntN(len(k.now) + pageSize)
	must(o.t, k.f.Truncate(int64(n)))
	k.resize(n)
}

func (o *oracle) rename(dir, name string, ino uint64) {
	to, as, over := o.anyName()
	if o.rnd.IntN(2) == 0 {
		o.fresh++
		to, as, over = o.anyDir(), fmt.Sprintf("r%d", o.fresh), 0
	}
	if ino == over {
		return // two names of one file: nothing happens
	}
	must(o.t, os.Rename(o.path(dir, name), o.path(to, as)))
	o.named(dir, name, 0)
	o.named(to, as, ino)
	if over != 0 {
		o.files[over].everyName = false
		o.letGo(o.files[over])
	}
}

func inoOf(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	must(t, err)
	return info.Sys().(*syscall.Stat_t).Ino
}

// tally is what happened to what was not synced, over all seeds.
type tally struct {
	namesLost, namesKept, dataLost, dataKept, torn int
	back                                           int // files whose removal was lost, and what was written before it
}

func (o *oracle) check(n *tally) {
	found := map[uint64]int{}
	for dir, names := range o.dirs {
		entries, err := os.ReadDir(filepath.Join(o.dir, dir))
		must(o.t, err)
		for _, e := range entries {
			if names[e.Name()] == nil {
				o.t.Errorf("%s/%s has never been", dir, e.Name())
			}
		}
		for name, may := range names {
			ino := inoOf(o.t, o.path(dir, name))
			found[ino]++
			if !slices.Contains(may, ino) {
				o.t.Errorf("%s/%s is %d, may be %v", dir, name, ino, may)
				continue
			}
			if len(may) > 1 && ino == may[len(may)-1] {
				n.namesKept++
			} else if len(may) > 1 {
				n.namesLost++
			}
			if ino != 0 {
				o.checkData(n, dir+"/"+name, o.files[ino])
			}
		}
	}
	for ino, k := range o.files {
		if k.everyName && k.nameSynced && found[ino] == 0 {
			o.t.Errorf("file %d was renamed and has no name left", ino)
		}
		if !k.linked && found[ino] > 1 {
			o.t.Errorf("file %d was never linked and has %d names", ino, found[ino])
		}
	}
}

func (o *oracle) checkData(n *tally, path string, k *known) {
	data, err := os.ReadFile(filepath.Join(o.dir, path))
	must(o.t, err)
	if len(data) < slices.Min(k.sizes) || len(data) > slices.Max(k.sizes) {
		o.t.Errorf("%s: %d bytes long, may be %v", path, len(data), k.sizes)
	}
	if len(k.may) == 0 && len(k.sizes) == 1 && !slices.Equal(data, k.synced) {
		o.t.Errorf("%s: what was synced is not there", path)
	}
	switch {
	case slices.Equal(data, k.now) && len(k.may) > 0:
		n.dataKept++
	case slices.Equal(data, k.synced) && len(k.may) > 0:
		n.dataLost++
		if k.f == nil {
			n.back++
		}
	case len(k.may) > 0:
		n.torn++
	}
	for i, b := range data {
		if i >= len(k.synced) {
			if o.order == Ordered && b != 0 && !slices.Contains(k.may[i], b) {
				o.t.Fatalf("%s: garbage at %d on an ordered disk", path, i)
			}
			continue // never synced: anything
		}
		if b != k.synced[i] && !slices.Contains(k.may[i], b) {
			o.t.Fatalf("%s: at %d is %d, synced %d, written since %v", path, i, b, k.synced[i], k.may[i])
		}
	}
}

func (o *oracle) close() {
	for _, ino := range slices.Sorted(maps.Keys(o.files)) {
		if f := o.files[ino].f; f != nil {
			must(o.t, f.Close())
		}
	}
}

func TestWhatWasSyncedIsThereAfterAPowerCut(t *testing.T) {
	for name, order := range map[string]Order{"strict": Strict, "ordered": Ordered} {
		t.Run(name, func(t *testing.T) {
			var n tally
			for seed := range uint64(60) {
				fs := mounted(t, Options{Seed: seed, Order: order})
				o := newOracle(t, fs, seed)
				for range 20 + o.rnd.IntN(100) {
					o.step()
				}
				fs.PowerCut(nil)
				o.close()
				must(t, fs.PowerOn())
				o.check(&n)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
				must(t, fs.Unmount())
			}
			t.Logf("%+v", n)
			if n.namesLost == 0 || n.namesKept == 0 || n.dataLost == 0 || n.dataKept == 0 || n.torn == 0 || n.back == 0 {
				t.Errorf("a power cut does not do all it can: %+v", n)
			}
		})
	}
}
