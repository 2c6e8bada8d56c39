package borg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tree makes files: name → size. A name with a slash at its end is a directory.
func tree(t testing.TB, files map[string]int) string {
	t.Helper()
	root := t.TempDir()
	for name, n := range files {
		p := filepath.Join(root, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(p, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, make([]byte, n), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestScan(t *testing.T) {
	root := tree(t, map[string]int{
		"a": 1, "d/b": 10, "d/e/c": 100, "d/x.tmp": 1000, "cache/f": 10_000, "tagged/g": 100_000, "tagged/.nobackup": 0, "empty/": 0,
	})
	if err := errors.Join(
		os.WriteFile(filepath.Join(root, "cache/CACHEDIR.TAG"), []byte(cacheSignature+"\nmore"), 0o644),
		os.Link(filepath.Join(root, "a"), filepath.Join(root, "d/a2")),
		os.Symlink("a", filepath.Join(root, "link")),
		os.Symlink("loop", filepath.Join(root, "loop")),
		os.Symlink(root, filepath.Join(root, "d/up")),
		unix.Mkfifo(filepath.Join(root, "fifo"), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	tag := int64(len(cacheSignature) + 5)
	const all = 111_111
	for _, tt := range []struct {
		name    string
		sources []string
		opt     ScanOptions
		want    int64
	}{
		{"all", []string{""}, ScanOptions{}, all + tag},
		{"one file system", []string{""}, ScanOptions{OneFileSystem: true}, all + tag},
		{"caches", []string{""}, ScanOptions{ExcludeCaches: true}, all - 10_000},
		{"tags", []string{""}, ScanOptions{ExcludeIfPresent: []string{"x", ".nobackup"}}, all + tag - 100_000},
		{"patterns", []string{""}, ScanOptions{Excludes: []string{"*.tmp", "sh:**/e"}}, all + tag - 1100},
		{"pattern on a source", []string{"d", "a"}, ScanOptions{Excludes: []string{"pp:" + root + "/d"}}, 1},
		{"skip", []string{""}, ScanOptions{Skip: []string{root + "/tagged", "/nowhere", ""}}, all + tag - 100_000},
		{"overlapping, inner first", []string{"d", ""}, ScanOptions{}, all + tag},
		{"overlapping, outer first", []string{"", "d/e"}, ScanOptions{}, all + tag + 100}, // so does borg
		{"twice", []string{"d", "d/"}, ScanOptions{}, 1111},
		{"a file", []string{"d/b"}, ScanOptions{}, 10},
		{"a link to a directory", []string{"d/up"}, ScanOptions{}, 0},
		{"missing", []string{"nothing", "d/b"}, ScanOptions{}, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sources := make([]string, len(tt.sources))
			for i, s := range tt.sources {
				sources[i] = root + "/" + s
			}
			got, complete := Scan(t.Context(), sources, tt.opt)
			if got != tt.want || !complete {
				t.Errorf("got %d, %v; want %d", got, complete, tt.want)
			}
		})
	}
}

func TestScanStops(t *testing.T) {
	t.Parallel()
	files := make(map[string]int)
	for i := range 300 {
		files[fmt.Sprint(i)] = 1
	}
	root := tree(t, files)
	if _, complete := Scan(t.Context(), []string{root}, ScanOptions{MaxEntries: 100}); complete {
		t.Error("the limit of entries was passed over")
	}
	if _, complete := Scan(t.Context(), []string{root}, ScanOptions{MaxTime: time.Nanosecond}); complete {
		t.Error("the time limit was passed over")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, complete := Scan(ctx, []string{root}, ScanOptions{}); complete {
		t.Error("the end of the context was passed over")
	}
	if total, complete := Scan(t.Context(), []string{root}, ScanOptions{Excludes: []string{"re:x"}}); complete || total != 0 {
		t.Error("a regular expression was followed")
	}
}

func TestScanManyEntriesInOneDirectory(t *testing.T) {
	t.Parallel()
	files := make(map[string]int)
	for i := range 400 { // more than two reads of the directory
		files[fmt.Sprintf("%s-%d", strings.Repeat("n", 200), i)] = 2
	}
	if got, complete := Scan(t.Context(), []string{tree(t, files)}, ScanOptions{}); got != 800 || !complete {
		t.Errorf("got %d, %v", got, complete)
	}
}

func BenchmarkScan(b *testing.B) {
	files := make(map[string]int)
	for i := range 20_000 {
		files[fmt.Sprintf("d%03d/file-with-a-name-%d.txt", i%200, i)] = 0
	}
	root := tree(b, files)
	for name, excludes := range map[string][]string{
		"plain":    nil,
		"patterns": {"*.tmp", "*/.cache", "sh:**/node_modules", "/srv/*/log", "pp:/proc"},
	} {
		b.Run(name, func(b *testing.B) {
			var before, after unix.Rusage
			_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
			for b.Loop() {
				if _, complete := Scan(b.Context(), []string{root}, ScanOptions{Excludes: excludes}); !complete {
					b.Fatal("stopped")
				}
			}
			_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
			cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
			b.ReportMetric(float64(cpu)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}
