package borg

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// ReadArchives reads the answer to List as a stream, so that a repository of a
// hundred thousand archives costs no more memory than one of ten. each gets
// every archive but borg's own checkpoints. An answer that is cut off, or
// followed by something else, is an error, told after its whole archives were.
func ReadArchives(r io.Reader, each func(Archive)) (Repository, error) {
	d := json.NewDecoder(r)
	var repo Repository
	err := object(d, func(key string) error {
		switch key {
		case "archives":
			return array(d, func() error {
				var a jsonArchive
				if err := d.Decode(&a); err != nil {
					return err
				}
				if archive := a.archive(); !archive.checkpoint() {
					each(archive)
				}
				return nil
			})
		case "repository":
			var r jsonRepository
			if err := d.Decode(&r); err != nil {
				return err
			}
			repo.BorgID, repo.Location, repo.LastModified = r.ID, r.Location, borgTime(r.LastModified)
			return nil
		case "encryption":
			var e jsonEncryption
			if err := d.Decode(&e); err != nil {
				return err
			}
			repo.Encryption = e.Mode
			return nil
		}
		return d.Decode(new(json.RawMessage))
	})
	if err == nil {
		if _, err = d.Token(); err == nil {
			err = errors.New("there is more behind it")
		} else if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	if err != nil {
		return Repository{}, internal("read borg's answer: %v", err)
	}
	return repo, nil
}

// object calls member for each key of the object that comes next; member reads
// its value.
func object(d *json.Decoder, member func(key string) error) error {
	if err := expect(d, '{'); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if err := member(fmt.Sprint(key)); err != nil {
			return err
		}
	}
	return expect(d, '}')
}

func array(d *json.Decoder, element func() error) error {
	if err := expect(d, '['); err != nil {
		return err
	}
	for d.More() {
		if err := element(); err != nil {
			return err
		}
	}
	return expect(d, ']')
}

func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	if got != want {
		return fmt.Errorf("%v stands where %v is expected", got, want)
	}
	return nil
}

// Line is the archive in a log.
func (a Archive) Line() string {
	return fmt.Sprintf("%s  %s  %s", a.Start.UTC().Format(time.RFC3339), a.ID, a.Shown())
}

// Shown is the archive's name for logs.
func (a Archive) Shown() string { return escapeText(a.Name, false) }
