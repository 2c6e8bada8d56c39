package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// source is a real directory of this machine.
type source struct {
	path  string
	bytes int64
	files int
}

// Bounds of what the demo backs up: enough to watch, quick to compare.
const (
	enough = 2 << 20
	most   = 400 << 20
)

// chooseSources picks directories that every Linux has, that this user can
// read whole, and that are big enough to show progress.
func chooseSources(n int) ([]source, error) {
	candidates := []string{"/usr/share/doc", "/usr/share/perl", "/usr/lib/python3", "/usr/share/locale", "/usr/share/man",
		"/usr/include", "/usr/share/zoneinfo", "/usr/share/misc", "/usr/share/bash-completion", "/usr/share/common-licenses", "/usr/lib/apt", "/etc/ssl/certs", "/usr/share/terminfo", "/usr/lib/terminfo"}
	var big, small []source
	for _, dir := range candidates {
		s, ok := measure(dir)
		switch {
		case ok && s.bytes >= enough:
			big = append(big, s)
		case ok && s.files > 0:
			small = append(small, s)
		}
	}
	all := append(big, small...)
	if len(all) < n {
		return nil, fmt.Errorf("this machine has no %d directories below /usr and /etc that this user can read whole", n)
	}
	return all[:n], nil
}

// measure says how large a tree is, and whether all of it can be read.
func measure(dir string) (source, bool) {
	s := source{path: dir}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case d.Type().IsRegular():
			info, err := d.Info()
			if err != nil {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			f.Close()
			s.bytes += info.Size()
			s.files++
		case d.IsDir(), d.Type()&fs.ModeSymlink != 0:
		default:
			return fmt.Errorf("%s is no ordinary file", path)
		}
		if s.bytes > most {
			return fmt.Errorf("%s is too large for a demo", dir)
		}
		return nil
	})
	return s, err == nil
}
