package rest

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// Lists of jobs are what is asked for most, and encoding/json takes half the time of
// an answer. So jobs are written out here, field by field, as it would write them; a
// test holds the two together.

// AppendJSON appends the list as JSON.
func (l JobList) AppendJSON(b []byte) []byte {
	b = append(b, `{"jobs":[`...)
	for i := range l.Jobs {
		if i > 0 {
			b = append(b, ',')
		}
		b = l.Jobs[i].AppendJSON(b)
	}
	w := writer{append(b, ']')}
	w.textOrNull("next_cursor", l.NextCursor)
	return append(w.b, '}')
}

// AppendJSON appends the job as JSON.
func (j *Job) AppendJSON(b []byte) []byte {
	w := writer{append(b, '{')}
	j.JobCore.write(&w)
	w.flag("has_logs", j.HasLogs)
	return append(w.b, '}')
}

func (j *JobCore) write(w *writer) {
	w.number("id", j.ID)
	w.text("repository", j.Repository)
	w.text("status", j.Status)
	w.time("started_at", j.StartedAt)
	w.time("completed_at", j.CompletedAt)
	w.number("progress", int64(j.Progress))
	w.textOrNull("error_message", j.ErrorMessage)
	w.textOrNull("maintenance_status", j.MaintenanceStatus)
	w.numberOrNull("scheduled_job_id", j.ScheduledJobID)
	w.name("progress_details")
	w.b = append(w.b, '{')
	j.ProgressDetails.write(w)
	w.b = append(w.b, '}')

	w.text("kind", j.Kind)
	w.text("agent", j.Agent)
	w.flag("agent_online", j.AgentOnline)
	w.time("last_contact_at", j.LastContactAt)
	w.time("created_at", j.CreatedAt)
	w.ratioOrNull("duration_seconds", j.DurationSeconds)
	w.textOrNull("waiting_for", j.WaitingFor)
	w.flag("cancel_requested", j.CancelRequested)
	w.textOrNull("phase", j.Phase)
	w.ratioOrNull("phase_percent", j.PhasePercent)
	w.textOrNull("archive_name", j.ArchiveName)
	w.text("triggered_by", j.TriggeredBy)
	w.numberOrNull("parent_id", j.ParentID)
	w.textOrNull("error_code", j.ErrorCode)
	if j.ExitCode == nil {
		w.numberOrNull("exit_code", nil)
	} else {
		w.number("exit_code", int64(*j.ExitCode))
	}
	w.textOrNull("borg_version", j.BorgVersion)
	w.flag("log_complete", j.LogComplete)
	w.numberOrNull("archives_deleted", j.ArchivesDeleted)
	w.numberOrNull("bytes_freed", j.BytesFreed)
}

func (d *ProgressDetails) write(w *writer) {
	w.number("original_size", d.OriginalSize)
	w.number("compressed_size", d.CompressedSize)
	w.number("deduplicated_size", d.DeduplicatedSize)
	w.number("nfiles", d.NFiles)
	w.text("current_file", d.CurrentFile)
	w.ratio("progress_percent", d.ProgressPercent)
	w.ratio("backup_speed", d.BackupSpeed)
	w.number("total_expected_size", d.TotalExpectedSize)
	w.number("estimated_time_remaining", d.EstimatedTimeRemaining)
	w.text("total_expected_source", d.TotalExpectedSource)
}

// writer appends the fields of an object.
type writer struct{ b []byte }

func (w *writer) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), name...), `":`...)
}

func (w *writer) null(name string) {
	w.name(name)
	w.b = append(w.b, "null"...)
}

func (w *writer) flag(name string, v bool) {
	w.name(name)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *writer) number(name string, v int64) {
	w.name(name)
	w.b = strconv.AppendInt(w.b, v, 10)
}

func (w *writer) numberOrNull(name string, v *int64) {
	if v == nil {
		w.null(name)
		return
	}
	w.number(name, *v)
}

func (w *writer) ratio(name string, v float64) {
	w.name(name)
	if a := math.Abs(v); v == 0 || a >= 1e-6 && a < 1e21 {
		w.b = strconv.AppendFloat(w.b, v, 'f', -1, 64)
		return
	}
	w.other(v)
}

func (w *writer) ratioOrNull(name string, v *float64) {
	if v == nil {
		w.null(name)
		return
	}
	w.ratio(name, *v)
}

func (w *writer) time(name string, v *Time) {
	if v == nil {
		w.null(name)
		return
	}
	w.name(name)
	w.b = v.append(w.b)
}

func (w *writer) text(name, v string) {
	w.name(name)
	if !plain(v) {
		w.other(v)
		return
	}
	w.b = append(append(append(w.b, '"'), v...), '"')
}

func (w *writer) textOrNull(name string, v *string) {
	if v == nil {
		w.null(name)
		return
	}
	w.text(name, *v)
}

// other leaves to encoding/json what is rare: control characters, what is not ASCII,
// exponents.
func (w *writer) other(v any) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil { // no number
		w.b = append(w.b, "null"...)
		return
	}
	w.b = append(w.b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// plain says whether a text needs no escapes.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
