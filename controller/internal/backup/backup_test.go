package backup

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"testing"

	"filippo.io/age"

	"borgfleet/controller/internal/store"
)

func TestVerify(t *testing.T) {
	d := newData(t)
	m, err := Verify(bytes.NewReader(d.backup(t, nil)))
	must(t, err)
	if m.FleetID != d.fleetID || m.StoreID != d.st.ID() || !m.CreatedAt.Equal(t0) || m.Authority {
		t.Errorf("the manifest is %+v", m)
	}
	if m.Jobs != 20 || m.Agents != 1 || m.Repositories != 1 || m.HighestJob != 20 {
		t.Errorf("the contents are %+v", m.Contents)
	}
}

// The names that must not be found by who finds the file.
func TestAuthorityIsEncrypted(t *testing.T) {
	d := newData(t)
	id, err := age.GenerateX25519Identity()
	must(t, err)
	b := d.backup(t, id.Recipient())
	if bytes.Contains(b, []byte("PRIVATE KEY")) || bytes.Contains(b, []byte("issuing.key")) {
		t.Error("the authority lies open in the backup")
	}
	m, err := Verify(bytes.NewReader(b))
	must(t, err)
	if !m.Authority {
		t.Error("the manifest does not say that the authority is in the backup")
	}
}

// Every bit counts: each byte of a backup is changed in turn, one bit of it.
func TestFlippedBit(t *testing.T) {
	d := newData(t)
	id, err := age.GenerateX25519Identity()
	must(t, err)
	good := d.backup(t, id.Recipient())
	step := max(1, len(good)/1000)
	if step > 1 {
		step |= 1
	}
	for at := 0; at < len(good); {
		bad := bytes.Clone(good)
		bad[at] ^= 1 << (at % 8)
		if _, err := Verify(bytes.NewReader(bad)); err == nil {
			t.Fatalf("a bit was changed in byte %d of %d, and nobody noticed", at, len(good))
		}
		if at < 512 || at > len(good)-512 {
			at++ // header, contents and sum: all of them
		} else {
			at += step
		}
	}
}

func TestCutOff(t *testing.T) {
	good := newData(t).backup(t, nil)
	for n := 1; n < len(good); n += 1 + n/97 {
		if _, err := Verify(bytes.NewReader(good[:n])); !errors.Is(err, ErrCutOff) {
			t.Fatalf("cut off after %d of %d bytes: %v", n, len(good), err)
		}
	}
	if _, err := Verify(bytes.NewReader(good[:len(good)-1])); !errors.Is(err, ErrCutOff) {
		t.Errorf("cut off by one byte: %v", err)
	}
	if _, err := Verify(bytes.NewReader(append(bytes.Clone(good), 0))); !errors.Is(err, ErrDamaged) {
		t.Errorf("one byte too many: %v", err)
	}
	for _, other := range []string{"", "PK\x03\x04 something else altogether"} {
		if _, err := Verify(bytes.NewReader([]byte(other))); !errors.Is(err, ErrNotABackup) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

// A record that does not read, under a sum that is right: the store itself was
// damaged.
func TestRecordsAreRead(t *testing.T) {
	d := newData(t)
	for e, err := range d.st.Entries() {
		must(t, err)
		if e.Key[0] == 'm' || e.Key[0] == 'i' {
			continue
		}
		key := string(e.Key)
		s := d.source(nil)
		s.Store = damaged{d.st, key}
		var out bytes.Buffer
		must(t, Write(&out, s))
		if _, err := Verify(&out); err == nil {
			t.Errorf("the record %.20q is cut, and nobody noticed", key)
		}
	}
}

// damaged is a store in which one record has lost its end.
type damaged struct {
	*store.Store
	key string
}

func (d damaged) Entries() iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		for e, err := range d.Store.Entries() {
			if string(e.Key) == d.key {
				e.Value = append(bytes.Clone(e.Value[:len(e.Value)/2]), 0xff)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// What is written while a backup is made is not in it, nor a part of it.
func TestOneMoment(t *testing.T) {
	d := newData(t)
	s := d.source(nil)
	s.Store = &busy{Store: d.st, each: func() { d.addJob(t, 5) }}
	var out bytes.Buffer
	must(t, Write(&out, s))
	m, err := Verify(&out)
	must(t, err)
	if m.Jobs != 20 || m.HighestJob != 20 {
		t.Errorf("the backup has %d jobs up to %d, want the 20 that were there when it began", m.Jobs, m.HighestJob)
	}
	if n := d.st.Count(); n <= 20 {
		t.Fatalf("the test wrote nothing: %d jobs", n)
	}
}

// busy writes between the entries that it gives.
type busy struct {
	*store.Store
	each func()
}

func (b *busy) Entries() iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		n := 0
		for e, err := range b.Store.Entries() {
			if n++; n%10 == 0 {
				b.each()
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func TestClosingEndsABackup(t *testing.T) {
	d := newData(t)
	s := d.source(nil)
	closed := make(chan error, 1)
	n := 0
	s.Store = &busy{Store: d.st, each: func() {
		if n++; n == 1 {
			go func() { closed <- d.st.Close() }()
			for d.st.Update(t.Context(), func(*store.Tx) error { return nil }) == nil {
			}
		}
	}}
	var out bytes.Buffer
	err := Write(&out, s)
	must(t, <-closed)
	// The few entries may have been read by then; both are an answer, a crash is none.
	if _, verr := Verify(&out); (err == nil) != (verr == nil) {
		t.Errorf("the backup ended with %v, and reads as %v", err, verr)
	}
}

func FuzzVerify(f *testing.F) {
	f.Add([]byte(magic))
	f.Add([]byte(magic + "E\x00\x00\x00\x01x"))
	f.Add([]byte(fmt.Sprintf("%sH\x00\x00\x00\x02\x08\x01", magic)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := Verify(bytes.NewReader(b)); err == nil {
			t.Error("this passes for a backup")
		}
	})
}
