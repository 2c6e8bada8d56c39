package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const differencesAtMost = 5

// compareTrees looks at every entry of both trees. It gives the number of
// entries, and the first differences.
func compareTrees(a, b string) (seen int, differences []error) {
	differ := func(format string, args ...any) error {
		differences = append(differences, fmt.Errorf(format, args...))
		if len(differences) >= differencesAtMost {
			return fs.SkipAll
		}
		return nil
	}
	err := filepath.WalkDir(a, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(a, path)
		if err != nil {
			return err
		}
		seen++
		if err := compareEntry(path, filepath.Join(b, rel)); err != nil {
			return differ("%s: %w", rel, err)
		}
		return nil
	})
	if err != nil {
		return seen, append(differences, err)
	}
	// The other way round, names only: nothing may be there too much.
	err = filepath.WalkDir(b, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(b, path)
		if err != nil {
			return err
		}
		if _, err := os.Lstat(filepath.Join(a, rel)); err != nil {
			return differ("%s: only in the archive", rel)
		}
		return nil
	})
	if err != nil {
		differences = append(differences, err)
	}
	return seen, differences
}

func compareEntry(a, b string) error {
	ia, err := os.Lstat(a)
	if err != nil {
		return err
	}
	ib, err := os.Lstat(b)
	if err != nil {
		return err
	}
	if ia.Mode() != ib.Mode() {
		return fmt.Errorf("mode %s in the source, %s in the archive", ia.Mode(), ib.Mode())
	}
	if ia.Mode()&fs.ModeSymlink != 0 {
		return compareLinks(a, b)
	}
	if !ia.ModTime().Equal(ib.ModTime()) {
		return fmt.Errorf("changed %s in the source, %s in the archive", ia.ModTime(), ib.ModTime())
	}
	if ia.Mode().IsRegular() {
		return compareContents(a, b)
	}
	return nil
}

func compareLinks(a, b string) error {
	ta, err := os.Readlink(a)
	if err != nil {
		return err
	}
	tb, err := os.Readlink(b)
	if err != nil {
		return err
	}
	if ta != tb {
		return fmt.Errorf("leads to %q in the source, %q in the archive", ta, tb)
	}
	return nil
}

func compareContents(a, b string) error {
	fa, err := os.Open(a)
	if err != nil {
		return err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return err
	}
	defer fb.Close()
	ba, bb := make([]byte, 128<<10), make([]byte, 128<<10)
	for {
		na, erra := io.ReadFull(fa, ba)
		nb, errb := io.ReadFull(fb, bb)
		if !bytes.Equal(ba[:na], bb[:nb]) {
			return fmt.Errorf("the contents differ")
		}
		if erra != nil || errb != nil {
			return nil // both end here: equal so far, and short reads are equal too
		}
	}
}
