package api

import (
	"cmp"
	"encoding/csv"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
)

// exportPage is how many jobs are read at once: an export of any length is held
// in memory by so many.
const exportPage = 500

// exportParameters are those of the job list but for what pages it.
func exportParameters() []string {
	return append(slices.DeleteFunc(jobParameters(), func(p string) bool { return p == "limit" || p == "cursor" }), "format")
}

// exportJobs streams the whole result of a query, newest first. Jobs that come
// while it runs need not be in it.
func (s *server) exportJobs(w http.ResponseWriter, r *http.Request) error {
	q, err := jobQuery(r)
	if err != nil {
		return err
	}
	write, kind, err := exportFormat(r)
	if err != nil {
		return err
	}
	q.Limit = exportPage
	page, err := s.Fleet.Jobs(r.Context(), q)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", kind.content)
	h.Set("Content-Disposition", `attachment; filename="jobs.`+kind.name+`"`)
	if r.Method == http.MethodHead {
		return nil
	}
	s.sendExport(w, r, q, page, write(w))
	return nil
}

// sendExport writes page after page. Only a cut connection tells a client that it
// has not got all: the status was sent.
func (s *server) sendExport(w http.ResponseWriter, r *http.Request, q fleet.JobQuery, page fleet.JobPage, out exporter) {
	control := http.NewResponseController(w)
	for {
		// A connection that does not know deadlines has none to extend.
		_ = control.SetWriteDeadline(time.Now().Add(writeTime))
		for _, v := range page.Jobs {
			if out.job(s.jobBody(v, caller(r).Role)) != nil {
				return // the client has gone
			}
		}
		if out.flush() != nil || page.NextCursor == "" {
			return
		}
		q.Cursor = page.NextCursor
		var err error
		if page, err = s.Fleet.Jobs(r.Context(), q); err != nil {
			if r.Context().Err() == nil {
				s.Logger.Error("export cut", "err", err)
			}
			panic(http.ErrAbortHandler)
		}
	}
}

// exporter writes jobs in one format.
type exporter interface {
	job(rest.Job) error
	flush() error
}

type exportKind struct{ name, content string }

func exportFormat(r *http.Request) (func(io.Writer) exporter, exportKind, error) {
	in := readQuery(r)
	switch format := cmp.Or(in.text("format"), acceptedExport(r.Header.Get("Accept"))); format {
	case "csv":
		return newCSV, exportKind{"csv", "text/csv; charset=utf-8; header=present"}, in.bad.err()
	case "ndjson":
		return newNDJSON, exportKind{"ndjson", "application/x-ndjson"}, in.bad.err()
	}
	in.bad.add("query.format", "it is csv or ndjson")
	return nil, exportKind{}, in.bad.err()
}

func acceptedExport(accept string) string {
	if strings.Contains(accept, "ndjson") {
		return "ndjson"
	}
	return "csv"
}

type ndjson struct {
	w    io.Writer
	line []byte
}

func newNDJSON(w io.Writer) exporter { return &ndjson{w: w} }

func (n *ndjson) job(j rest.Job) error {
	n.line = append(j.AppendJSON(n.line[:0]), '\n')
	_, err := n.w.Write(n.line)
	return err
}

func (n *ndjson) flush() error { return nil }

// exportColumns are the columns of a CSV, in their order: names do not change, and
// new ones come last.
func exportColumns() []string {
	return []string{
		"id", "kind", "agent", "repository", "status", "created_at", "started_at", "completed_at", "duration_seconds",
		"triggered_by", "scheduled_job_id", "parent_id", "archive_name", "original_size", "compressed_size", "deduplicated_size", "nfiles",
		"exit_code", "error_code", "error_message", "maintenance_status", "borg_version", "archives_deleted", "bytes_freed",
	}
}

type csvExport struct {
	w     *csv.Writer
	begun bool
}

func newCSV(w io.Writer) exporter { return &csvExport{w: csv.NewWriter(w)} }

func (c *csvExport) job(j rest.Job) error {
	if err := c.head(); err != nil {
		return err
	}
	d := j.ProgressDetails
	return c.w.Write([]string{
		number(&j.ID), word(j.Kind), word(j.Agent), word(j.Repository), word(j.Status),
		when(j.CreatedAt), when(j.StartedAt), when(j.CompletedAt), ratio(j.DurationSeconds),
		word(j.TriggeredBy), number(j.ScheduledJobID), number(j.ParentID), words(j.ArchiveName),
		number(&d.OriginalSize), number(&d.CompressedSize), number(&d.DeduplicatedSize), number(&d.NFiles),
		exitCode(j.ExitCode), words(j.ErrorCode), words(j.ErrorMessage), words(j.MaintenanceStatus), words(j.BorgVersion),
		number(j.ArchivesDeleted), number(j.BytesFreed),
	})
}

func (c *csvExport) head() error {
	if c.begun {
		return nil
	}
	c.begun = true
	return c.w.Write(exportColumns())
}

func (c *csvExport) flush() error {
	if err := c.head(); err != nil { // of no jobs, too
		return err
	}
	c.w.Flush()
	return c.w.Error()
}

// word is text that a spreadsheet does not take for a formula: names of archives
// and messages of borg are what somebody on a host has written.
func word(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

func words(s *string) string {
	if s == nil {
		return ""
	}
	return word(*s)
}

func number(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

func exitCode(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func when(t *rest.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func ratio(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}
