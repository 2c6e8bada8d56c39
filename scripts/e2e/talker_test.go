package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// talker is a borg whose create first says what it was given, as fast as its
// pipe takes it, and then makes the backup.
type talker struct {
	dir   string
	bytes int64
}

func newTalker(t *testing.T, say func(io.Writer)) (*talker, []string) {
	t.Helper()
	k := &talker{dir: t.TempDir()}
	k.says(t, say)
	return k, borgScript(t, fmt.Sprintf(`
case " $* " in *" create "*) ;; *) exec $BORG "$@" ;; esac
while [ -e %[1]s/wait ]; do sleep 0.02; done
begun=$(date +%%s%%N)
cat %[1]s/words >&2
echo $(($(date +%%s%%N) - begun)) > %[1]s/took.new
mv %[1]s/took.new %[1]s/took
exec $BORG "$@"
`, k.dir))
}

// says replaces what it says.
func (k *talker) says(t *testing.T, say func(io.Writer)) {
	t.Helper()
	os.Remove(filepath.Join(k.dir, "took"))
	f, err := os.Create(filepath.Join(k.dir, "words"))
	fatal(t, err)
	w := bufio.NewWriter(f)
	say(w)
	fatal(t, w.Flush())
	k.bytes, err = f.Seek(0, io.SeekCurrent)
	fatal(t, err)
	fatal(t, f.Close())
}

// wait keeps the next borg from saying anything before start.
func (k *talker) wait(t *testing.T) {
	t.Helper()
	os.Remove(filepath.Join(k.dir, "took"))
	fatal(t, os.WriteFile(filepath.Join(k.dir, "wait"), nil, 0o600))
}

func (k *talker) start(t *testing.T) {
	t.Helper()
	fatal(t, os.Remove(filepath.Join(k.dir, "wait")))
}

// took waits until all is said, and gives how long that took.
func (k *talker) took(t *testing.T, env *testenv.Env) time.Duration {
	t.Helper()
	var n int64
	fatal(t, env.Await("borg has said all", func() (bool, error) {
		data, err := os.ReadFile(filepath.Join(k.dir, "took"))
		if err != nil {
			return false, err
		}
		n, err = strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		return true, err
	}))
	return time.Duration(n)
}

// bare is how long the same takes into a file.
func (k *talker) bare(t *testing.T) time.Duration {
	t.Helper()
	in, err := os.Open(filepath.Join(k.dir, "words"))
	fatal(t, err)
	defer in.Close()
	out, err := os.Create(filepath.Join(k.dir, "copy"))
	fatal(t, err)
	defer out.Close()
	begun := time.Now()
	_, err = io.CopyBuffer(struct{ io.Writer }{out}, struct{ io.Reader }{in}, make([]byte, 128<<10))
	fatal(t, err)
	return time.Since(begun)
}

// fileLines writes n lines of a file list, width bytes a path or more.
func fileLines(w io.Writer, n, width int) {
	pad := strings.Repeat("p", width)
	for i := range n {
		fmt.Fprintf(w, `{"type": "file_status", "status": "A", "path": "/flood/%07d/%s"}`+"\n", i, pad)
	}
}

func logLine(w io.Writer, level, text string) {
	fmt.Fprintf(w, `{"type": "log_message", "time": 1.5, "message": "%s", "levelname": "%s", "name": "borg.test"}`+"\n", text, level)
}

// floodLog is what became of the lines of fileLines.
type floodLog struct {
	kept, missing int
	gaps          int
	others        []string
}

// readFlood goes through a downloaded log: its file lines are those of
// fileLines in their order, each once, and none is missing but where a line
// says so.
func readFlood(t *testing.T, r io.Reader) floodLog {
	t.Helper()
	var f floodLog
	rows := bufio.NewScanner(r)
	rows.Buffer(nil, 2<<20)
	next := 0
	for rows.Scan() {
		row := rows.Bytes()
		if number, ok := bytes.CutPrefix(row, []byte("A /flood/")); ok {
			n, err := strconv.Atoi(string(number[:7]))
			fatal(t, err)
			if n != next {
				t.Fatalf("line %d comes where %d is due", n, next)
			}
			next++
			f.kept++
			continue
		}
		var lost int
		if n, _ := fmt.Sscanf(string(row), "[%d lines are missing here:", &lost); n == 1 {
			f.gaps++
			f.missing += lost
			next += lost
		}
		f.others = append(f.others, string(row))
	}
	fatal(t, rows.Err())
	return f
}

func (f floodLog) has(part string) bool {
	for _, l := range f.others {
		if strings.Contains(l, part) {
			return true
		}
	}
	return false
}
