package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// streamBytes is about how much of the journal is read at once.
const streamBytes = 256 << 10

// lookAgain is how often is looked where the host has no inotify to spare.
const lookAgain = time.Second

// stream sends a log as JSON lines. Each stream reads the journal by itself, so
// one that is read slowly, or not at all, holds up nobody else.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	from, err := number(q.Get("from"))
	if err != nil {
		return err
	}
	dir, err := s.find(r.PathValue("ref"))
	if err != nil {
		return err
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return &Error{Busy, fmt.Sprintf("%d logs are being read already: end one of them", mostStreams)}
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	f := &feed{
		dir: dir, reader: dir.NewReader(), next: max(from, 1),
		out: json.NewEncoder(w), flush: http.NewResponseController(w).Flush,
		progress: q.Get("progress") == "true",
	}
	defer f.reader.Close()
	if err := f.run(r.Context(), q.Get("follow") == "true"); err != nil && r.Context().Err() == nil {
		s.log.Error("log stream", "job", dir.Key(), "err", err)
		// The answer has begun: only a cut connection tells that it is not
		// whole.
		panic(http.ErrAbortHandler)
	}
	return nil
}

func number(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, &Error{Invalid, fmt.Sprintf("%q is not a line number", text)}
	}
	return n, nil
}

// feed is one reader's place in one job.
type feed struct {
	dir      *jobdir.Dir
	reader   *jobdir.Reader
	next     uint64 // journal number
	out      *json.Encoder
	flush    func() error
	progress bool
	shown    job.Register // that was sent last
	begun    bool
}

func (f *feed) run(ctx context.Context, follow bool) error {
	var changed <-chan struct{}
	if follow {
		c, stop := changes(ctx, f.dir)
		defer stop()
		changed = c
	}
	for {
		// Looked at first: what the journal then has is all there will be.
		ended := f.dir.Ended()
		if err := f.showProgress(); err != nil {
			return err
		}
		if err := f.lines(ctx); err != nil {
			return err
		}
		if ended || !follow {
			return f.end()
		}
		if err := f.flush(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case _, ok := <-changed:
			if !ok {
				return errors.New("the watch of the job's directory broke off")
			}
		}
	}
}

// lines sends what is in the journal.
func (f *feed) lines(ctx context.Context) error {
	for ctx.Err() == nil {
		records, next, err := f.reader.Read(f.next, streamBytes)
		if err != nil {
			return err
		}
		for _, r := range records {
			if err := f.out.Encode(Event{Line: line(r)}); err != nil {
				return err
			}
		}
		f.next = next
		if len(records) == 0 {
			return nil
		}
	}
	return ctx.Err()
}

func line(r *fleetv1.Record) *Line {
	rec := wire.ToRecord(r)
	return &Line{Number: rec.Number, Time: rec.Time.UTC(), Level: levelName(rec.Level), Source: rec.Source, Text: rec.Text}
}

func levelName(l job.Level) string {
	switch l {
	case job.LevelDebug:
		return "debug"
	case job.LevelWarning:
		return "warning"
	case job.LevelError:
		return "error"
	}
	return "info"
}

// showProgress sends the job if its register is another one than before.
func (f *feed) showProgress() error {
	if !f.progress {
		return nil
	}
	reg, err := f.dir.Register()
	if err != nil {
		return err
	}
	if f.begun && !reg.Newer(f.shown) {
		return nil
	}
	f.shown, f.begun = reg, true
	v, err := view(f.dir)
	if err != nil {
		return err
	}
	return f.out.Encode(Event{Job: &v})
}

func (f *feed) end() error {
	v, err := view(f.dir)
	if err != nil {
		return err
	}
	if err := f.out.Encode(Event{Job: &v, End: true}); err != nil {
		return err
	}
	return f.flush()
}

// changes wakes whenever something in the directory may be new.
func changes(ctx context.Context, dir *jobdir.Dir) (<-chan struct{}, func()) {
	if w, err := dir.Watch(); err == nil {
		return w.C(), func() { w.Close() }
	}
	ctx, cancel := context.WithCancel(ctx)
	c := make(chan struct{})
	go func() {
		tick := time.NewTicker(lookAgain)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case <-ctx.Done():
				return
			case c <- struct{}{}:
			}
		}
	}()
	return c, cancel
}
