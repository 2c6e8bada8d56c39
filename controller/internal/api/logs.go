package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

const (
	statusLines = 200  // that the status shows
	mostLines   = 5000 // that one answer of the stream has
	pageLines   = 500  // that are read at once

	// mostText ends an answer of the stream before its lines do: a line can
	// have half a megabyte, and an answer is held in memory until its client has
	// read it. 5000 usual lines have a tenth of that.
	mostText = 2 << 20
)

// readable says whether the lines that v has may be shown now.
func (s *server) readable(v fleet.JobView) bool {
	// What a dry run has to say is in its log alone.
	return s.LogPolicy.Shows(v.Status) || v.Spec.Prune != nil && v.Spec.Prune.DryRun
}

// hasLogs says so to somebody with a role.
func (s *server) hasLogs(v fleet.JobView, role Role) bool {
	return v.LogLines > 0 && s.readable(v) && role.May(logRole(v.Job))
}

// logRole is the least role that reads a job's log. That of a folder's list has
// what archives/{name}/contents tells.
func logRole(j job.Job) Role {
	if l := j.Spec.List; l != nil && l.Archive != "" {
		return Operator
	}
	return Viewer
}

func refuseLog(who Principal, j job.Job) error {
	if need := logRole(j); !who.Role.May(need) {
		return fault.New(fault.Forbidden, "forbidden",
			"job %d lists a folder of an archive: its log needs the role %s, and %s has the role %q", j.ID, need, who.User, who.Role)
	}
	return nil
}

// lastLines is null unless the job has ended and shows its log to the role.
func (s *server) lastLines(ctx context.Context, v fleet.JobView, role Role) (*string, error) {
	if !v.Status.Final() || !s.hasLogs(v, role) {
		return nil, nil
	}
	var offset uint64
	if v.LogLines > statusLines {
		offset = v.LogLines - statusLines
	}
	page, err := s.Fleet.Log(ctx, v.ID, offset, statusLines)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := writeLines(&text, page.Lines); err != nil {
		return nil, err
	}
	return orNull(text.String()), nil
}

func (s *server) streamLog(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "job_id", "job")
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept")
	follow := wantsEvents(r.Header)
	q := readQuery(r)
	offset, limit := q.number("offset", 0, 0), q.limit(mostLines, mostLines)
	if _, given := q.values["limit"]; given && follow {
		q.bad.add("query.limit", "a stream has no limit: leave it out, or ask for application/json")
	}
	if err := q.bad.err(); err != nil {
		return err
	}
	if follow {
		from, err := offsetOf(r.Header, offset)
		if err != nil {
			return err
		}
		return s.followLog(w, r, id, from)
	}
	page, err := s.readLog(r.Context(), id, uint64(offset), limit)
	if err != nil {
		return err
	}
	if err := refuseLog(caller(r), page.Job); err != nil {
		return err
	}
	body := rest.LogPage{JobID: page.Job.ID, Status: string(page.Job.Status), Lines: []rest.LogLine{}}
	if s.LogPolicy.Shows(page.Job.Status) {
		body.TotalLines, body.HasMore = page.Total, page.HasMore
		for _, l := range page.Lines {
			body.Lines = append(body.Lines, rest.LogLine{LineNumber: l.Number, Content: l.Text})
		}
	}
	return writeJSON(w, http.StatusOK, body)
}

// readLog gives limit lines after offset, or as many as one answer can hold.
func (s *server) readLog(ctx context.Context, id int64, offset uint64, limit int) (fleet.LogPage, error) {
	page, err := s.Fleet.Log(ctx, id, offset, min(limit, pageLines))
	if err != nil {
		return page, err
	}
	size := textSize(page.Lines)
	for page.HasMore && len(page.Lines) > 0 && len(page.Lines) < limit && size < mostText {
		last := page.Lines[len(page.Lines)-1].Number
		next, err := s.Fleet.Log(ctx, id, last, min(limit-len(page.Lines), pageLines))
		if err != nil {
			return page, err
		}
		if len(next.Lines) == 0 {
			break
		}
		size += textSize(next.Lines)
		next.Lines = append(page.Lines, next.Lines...)
		page = next
	}
	return page, nil
}

func textSize(lines []fleet.LogLine) int {
	n := 0
	for _, l := range lines {
		n += len(l.Text)
	}
	return n
}

// jobOfLog is the job in the path, for somebody who may read its log.
func (s *server) jobOfLog(r *http.Request) (fleet.JobView, error) {
	id, err := pathID(r, "job_id", "job")
	if err != nil {
		return fleet.JobView{}, err
	}
	v, err := s.Fleet.Job(r.Context(), id)
	if err != nil {
		return fleet.JobView{}, err
	}
	return v, refuseLog(caller(r), v.Job)
}

func (s *server) downloadLog(w http.ResponseWriter, r *http.Request) error {
	v, err := s.jobOfLog(r)
	if err != nil {
		return err
	}
	if !v.Status.Final() {
		return fault.New(fault.BadState, "job_not_ended",
			"job %d is %s: its log can be downloaded when it has ended; until then read %s", v.ID, v.Status, streamPath(v.ID))
	}
	if !s.hasLogs(v, caller(r).Role) {
		return fault.New(fault.NotFound, "log_not_found", "job %d is %s and has no log to read%s", v.ID, v.Status, s.why(v))
	}
	page, err := s.Fleet.Log(r.Context(), v.ID, 0, pageLines)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="backup_job_%d_logs.txt"`, v.ID))
	if r.Method == http.MethodHead {
		return nil
	}
	s.sendLog(w, r, page)
	return nil
}

func streamPath(id int64) string { return fmt.Sprintf("/api/backup/logs/%d/stream", id) }

// why tells a log that is not shown from one that is not there.
func (s *server) why(v fleet.JobView) string {
	switch {
	case v.LogGone:
		return ": it is not kept any more (serve --log-retention)"
	case s.readable(v):
		return ""
	}
	return fmt.Sprintf(" (the setting log_policy is %q)", s.LogPolicy)
}

// sendLog writes the log from page on, page by page, so that its size does not
// matter.
func (s *server) sendLog(w http.ResponseWriter, r *http.Request, page fleet.LogPage) {
	control := http.NewResponseController(w)
	for {
		// A connection that does not know deadlines has none to extend.
		_ = control.SetWriteDeadline(time.Now().Add(writeTime))
		if writeLines(w, page.Lines) != nil {
			return // the client has gone
		}
		if !page.HasMore || len(page.Lines) == 0 {
			return
		}
		var err error
		last := page.Lines[len(page.Lines)-1].Number
		page, err = s.Fleet.Log(r.Context(), page.Job.ID, last, pageLines)
		if err == nil && page.Job.LogGone {
			err = errLogGone
		}
		if err != nil {
			if r.Context().Err() == nil {
				s.Logger.Error("log download cut", "job", page.Job.ID, "err", err)
			}
			// The status was sent: only a cut connection can tell the client
			// that this is not the whole log.
			panic(http.ErrAbortHandler)
		}
	}
}

var errLogGone = errors.New("the log was removed while it was read")

// writeLines writes lines as text. Rows after a line's first are indented, so
// that a file name with a newline cannot pass for a line of the log.
func writeLines(w io.Writer, lines []fleet.LogLine) error {
	rows := strings.NewReplacer("\r\n", "\n    ", "\n", "\n    ", "\r", "\n    ")
	for _, l := range lines {
		if _, err := rows.WriteString(w, l.Text); err != nil {
			return err
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
	}
	return nil
}
