// Package revoked keeps the agents that must never come back in a file beside
// the store. A store that is restored from a backup does not know whom it shut
// out since; the file does, if it is still there.
package revoked

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"borgfleet/shared/secretfile"
)

// Name is the file's name in the data directory.
const Name = "revocations"

// Entry is one agent that was shut out.
type Entry struct {
	Agent string
	At    time.Time
}

// Line is the entry as it stands in the file.
func (e Entry) Line() string { return e.At.UTC().Format(time.RFC3339) + " " + e.Agent + "\n" }

// List is the open file. It only grows.
type List struct {
	mu   sync.Mutex
	file *os.File             // guarded by mu
	at   map[string]time.Time // guarded by mu
	err  error                // a write went wrong; guarded by mu
}

// Open opens the file at path, or makes it. A last line without an end is what
// a crash has left: nobody was told that it counts.
func Open(path string) (*List, error) {
	entries, whole, err := readWhole(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	if err != nil && !fresh {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open revocations: %w", err)
	}
	l := &List{file: f, at: map[string]time.Time{}}
	for _, e := range entries {
		l.remember(e)
	}
	if err := l.begin(path, fresh, whole); err != nil {
		return nil, errors.Join(fmt.Errorf("open revocations: %w", err), f.Close())
	}
	return l, nil
}

// Read reads the file of a controller that does not run.
func Read(path string) ([]Entry, error) {
	entries, _, err := readWhole(path)
	return entries, err
}

// readWhole reads the lines that have an end, and says where that is.
func readWhole(path string) (entries []Entry, whole int64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, fmt.Errorf("read revocations: %w", err)
	}
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	if entries, err = Parse(bytes.NewReader(data)); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", path, err)
	}
	return entries, int64(len(data)), nil
}

func (l *List) begin(path string, fresh bool, whole int64) error {
	if fresh {
		return secretfile.SyncDir(filepath.Dir(path))
	}
	return l.file.Truncate(whole)
}

// Parse reads such a file. A line that does not read is an error: whom it shuts
// out must not come in because nobody can tell.
func Parse(r io.Reader) ([]Entry, error) {
	var out []Entry
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		e, err := parse(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("line %d is no revocation (a time and an agent's id): %w; put the line right, or remove it if you know that it shuts nobody out", n, err)
		}
		out = append(out, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read revocations: %w", err)
	}
	return out, nil
}

func parse(line string) (Entry, error) {
	when, agent, _ := strings.Cut(line, " ")
	at, err := time.Parse(time.RFC3339, when)
	if err != nil {
		return Entry{}, err
	}
	if year := at.UTC().Year(); year < 1 || year > 9999 { // it could not be read again
		return Entry{}, fmt.Errorf("there is no year %d", year)
	}
	id, err := uuid.Parse(agent)
	if err != nil {
		return Entry{}, err
	}
	// As agents are called: in braces or capitals it would shut nobody out.
	return Entry{Agent: id.String(), At: at}, nil
}

// Write makes the file of a restored data directory: all entries, each once.
func Write(path string, entries []Entry) error {
	var out bytes.Buffer
	seen := map[string]bool{}
	for _, e := range entries {
		if !seen[e.Agent] {
			out.WriteString(e.Line())
		}
		seen[e.Agent] = true
	}
	return secretfile.Write(path, out.Bytes(), 0o600)
}

// Add shuts an agent out; when it returns, the disk has it.
func (l *List) Add(agent string, at time.Time) error {
	e := Entry{Agent: agent, At: at}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.at[agent]; there {
		return nil
	}
	if l.err == nil {
		_, l.err = l.file.WriteString(e.Line())
	}
	if l.err == nil {
		l.err = l.file.Sync()
	}
	if l.err != nil {
		// Part of the line may be there: another one behind it would not read.
		return fmt.Errorf("write revocation: %w; nothing was done: make room on the disk, restart the controller and try again", l.err)
	}
	l.remember(e)
	return nil
}

// remember keeps the first time; the caller holds mu, or is alone.
func (l *List) remember(e Entry) {
	if _, there := l.at[e.Agent]; !there {
		l.at[e.Agent] = e.At
	}
}

// At says when an agent was shut out, if it was.
func (l *List) At(agent string) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, there := l.at[agent]
	return at, there
}

// Entries gives all of them, in no order.
func (l *List) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Entry, 0, len(l.at))
	for agent, at := range l.at {
		out = append(out, Entry{agent, at})
	}
	return out
}

// Close closes the file.
func (l *List) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}
