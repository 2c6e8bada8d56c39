// Package wire maps the domain types of package job to the messages of
// fleet.v1 and back. What comes from the other side is checked here: past this
// package a Kind, Status or Key is one that exists.
package wire

import (
	"fmt"
	"math"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// instant is the zero time for what is none: beyond the years 1 to 9999 there is
// no text for a time either.
func instant(t *timestamppb.Timestamp) time.Time {
	if !t.IsValid() {
		return time.Time{}
	}
	return t.AsTime()
}

// text makes s fit for a protobuf string, which must be valid UTF-8: one bad
// byte in a file name must not cost the whole message.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func texts(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = text(s)
	}
	return out
}

// rawTexts are file names, which may hold any bytes.
func rawTexts(in []string) [][]byte {
	out := make([][]byte, len(in))
	for i, s := range in {
		out[i] = []byte(s)
	}
	return out
}

func fromRaw(in [][]byte) []string {
	var out []string
	for _, b := range in {
		out = append(out, string(b))
	}
	return out
}

// What is taken of the other side's texts. Who means well stays below.
const (
	mostWord    = 128       // codes, modes, versions
	mostName    = 1024      // names of archives
	mostPath    = 16 << 10  // of the file that borg is at
	mostMessage = 64 << 10  // of a verdict
	mostLine    = 600 << 10 // of a log; an agent cuts at 512 KiB
)

// within cuts off what is longer than it can be.
func within(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.Clone(strings.ToValidUTF8(s[:most], "")) // or all of s would stay with it
}

// mostFigure is as much as every reader of JSON can tell exactly. Sums of figures
// must stay figures, whatever one agent says.
const mostFigure = 1 << 53

func figure(n int64) int64 { return min(max(n, 0), mostFigure) }

// ratio is 0 for what is no number: it has no text.
func ratio(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return min(max(f, 0), mostFigure)
}

// FromSpec encodes a job's spec.
func FromSpec(s job.Spec) *fleetv1.JobSpec {
	p := &fleetv1.JobSpec{
		Kind:          string(s.Kind),
		Repository:    FromRepository(s.Repository),
		CreatedAt:     stamp(s.CreatedAt),
		StartDeadline: stamp(s.StartDeadline),
		TriggeredBy:   string(s.TriggeredBy),
		RequestedBy:   text(s.RequestedBy),
		ScheduleId:    s.ScheduleID,
	}
	if !s.Parent.IsZero() {
		p.ParentKey = s.Parent[:]
	}
	if r := s.Restore; r != nil {
		p.Restore = &fleetv1.Restore{Archive: text(r.Archive), Paths: rawTexts(r.Paths), Destination: text(r.Destination)}
	}
	if l := s.List; l != nil {
		p.List = &fleetv1.List{Archive: text(l.Archive), Path: []byte(l.Path)}
	}
	p.Prune, p.Check = fromPrune(s.Prune), fromCheck(s.Check)
	p.After, p.FireTime, p.Attempt = fromAfter(s.After), stamp(s.FireTime), int32(s.Attempt)
	return p
}

// ToSpec decodes and checks a job's spec.
func ToSpec(p *fleetv1.JobSpec) (job.Spec, error) {
	if p == nil {
		return job.Spec{}, fmt.Errorf("the job has no spec")
	}
	kind, err := job.ParseKind(p.Kind)
	if err != nil {
		return job.Spec{}, err
	}
	s := job.Spec{
		Kind:          kind,
		Repository:    ToRepository(p.Repository),
		CreatedAt:     instant(p.CreatedAt),
		StartDeadline: instant(p.StartDeadline),
		TriggeredBy:   job.TriggeredBy(p.TriggeredBy),
		RequestedBy:   p.RequestedBy,
		ScheduleID:    max(p.ScheduleId, 0),
	}
	switch s.TriggeredBy {
	case job.ByManual, job.BySchedule, job.ByAgent:
	default:
		return job.Spec{}, fmt.Errorf("unknown trigger %q", p.TriggeredBy)
	}
	if s.CreatedAt.IsZero() || s.StartDeadline.IsZero() {
		return job.Spec{}, fmt.Errorf("the job has no creation time or no start deadline")
	}
	if len(p.ParentKey) > 0 {
		if s.Parent, err = job.KeyFromBytes(p.ParentKey); err != nil {
			return job.Spec{}, fmt.Errorf("parent: %w", err)
		}
	}
	if r := p.Restore; r != nil {
		s.Restore = &job.RestoreSpec{Archive: r.Archive, Paths: fromRaw(r.Paths), Destination: r.Destination}
	}
	if l := p.List; l != nil {
		s.List = &job.ListSpec{Archive: l.Archive, Path: string(l.Path)}
	}
	s.Prune, s.Check = toPrune(p.Prune), toCheck(p.Check)
	s.After, s.FireTime, s.Attempt = toAfter(p.After), instant(p.FireTime), int(max(p.Attempt, 0))
	return s, nil
}

// FromRepository encodes a repository definition.
func FromRepository(r job.Repository) *fleetv1.Repository {
	p := &fleetv1.Repository{
		Id:                 r.ID,
		Name:               text(r.Name),
		Path:               text(r.Path),
		Encryption:         r.Encryption,
		Compression:        r.Compression,
		SourceDirectories:  texts(r.Sources),
		ExcludePatterns:    texts(r.ExcludePatterns),
		OneFileSystem:      r.OneFileSystem,
		ExcludeCaches:      r.ExcludeCaches,
		ExcludeIfPresent:   texts(r.ExcludeIfPresent),
		UploadRatelimit:    r.UploadRateLimit,
		CheckpointInterval: int32(r.CheckpointInterval / time.Second),
		LockWait:           int32(r.LockWait / time.Second),
		FileLog:            string(r.FileLog),
		ArchiveNameFormat:  r.ArchiveNameFormat,
		PassphraseSealed:   r.PassphraseSealed,
		BorgId:             r.BorgID,
		Adopted:            r.Adopted,
		AccountDirectories: r.AccountDirs,
		MatchArchives:      text(r.MatchArchives),
		Maintainer:         text(r.Maintainer),
		Hooks:              fromHooks(r.Hooks),
	}
	if r.Retention != (job.Keep{}) {
		p.Retention = fromPrune(&job.PruneSpec{Keep: r.Retention})
	}
	return p
}

// ToRepository decodes a repository definition. Its contents are checked where
// they are used: by REST on the controller, by policy and borg on the agent.
func ToRepository(p *fleetv1.Repository) job.Repository {
	if p == nil {
		return job.Repository{}
	}
	r := job.Repository{
		ID:                 p.Id,
		Name:               p.Name,
		Path:               p.Path,
		Encryption:         p.Encryption,
		Compression:        p.Compression,
		Sources:            p.SourceDirectories,
		ExcludePatterns:    p.ExcludePatterns,
		OneFileSystem:      p.OneFileSystem,
		ExcludeCaches:      p.ExcludeCaches,
		ExcludeIfPresent:   p.ExcludeIfPresent,
		UploadRateLimit:    p.UploadRatelimit,
		CheckpointInterval: time.Duration(p.CheckpointInterval) * time.Second,
		LockWait:           time.Duration(p.LockWait) * time.Second,
		FileLog:            job.FileLog(p.FileLog),
		ArchiveNameFormat:  p.ArchiveNameFormat,
		PassphraseSealed:   p.PassphraseSealed,
		BorgID:             p.BorgId,
		Adopted:            p.Adopted,
		AccountDirs:        p.AccountDirectories,
		MatchArchives:      p.MatchArchives,
		Maintainer:         p.Maintainer,
		Hooks:              toHooks(p.Hooks),
	}
	if p.Retention != nil {
		r.Retention = toPrune(p.Retention).Keep
	}
	return r
}

// FromProgress encodes progress figures.
func FromProgress(p job.Progress) *fleetv1.Progress {
	return &fleetv1.Progress{
		OriginalSize:           p.OriginalSize,
		CompressedSize:         p.CompressedSize,
		DeduplicatedSize:       p.DedupSize,
		Nfiles:                 p.NFiles,
		CurrentFile:            text(p.CurrentFile),
		Percent:                p.Percent,
		Speed:                  p.Speed,
		TotalExpectedSize:      p.TotalExpected,
		TotalExpectedSource:    string(p.TotalSource),
		EstimatedTimeRemaining: p.ETA,
	}
}

// ToProgress decodes progress figures.
func ToProgress(p *fleetv1.Progress) job.Progress {
	if p == nil {
		return job.Progress{TotalSource: job.TotalNone}
	}
	out := job.Progress{
		OriginalSize:   figure(p.OriginalSize),
		CompressedSize: figure(p.CompressedSize),
		DedupSize:      figure(p.DeduplicatedSize),
		NFiles:         figure(p.Nfiles),
		CurrentFile:    within(p.CurrentFile, mostPath),
		Percent:        min(ratio(p.Percent), 100),
		Speed:          ratio(p.Speed),
		TotalExpected:  figure(p.TotalExpectedSize),
		TotalSource:    job.TotalSource(p.TotalExpectedSource),
		ETA:            figure(p.EstimatedTimeRemaining),
	}
	switch out.TotalSource {
	case job.TotalWalk, job.TotalPrevious:
	default:
		out.TotalSource = job.TotalNone
	}
	return out
}

// FromRegister encodes a register.
func FromRegister(r job.Register) *fleetv1.Register {
	p := &fleetv1.Register{
		Incarnation:      r.Incarnation,
		Version:          r.Version,
		Phase:            fleetv1.Register_Phase(r.Phase),
		Reason:           text(r.Reason),
		StartedAt:        stamp(r.StartedAt),
		ArchiveName:      text(r.ArchiveName),
		BorgVersion:      text(r.BorgVersion),
		BorgPhase:        text(r.BorgPhase),
		BorgPhasePercent: r.BorgPhasePercent,
		BorgRunning:      r.BorgRunning,
		Progress:         FromProgress(r.Progress),
	}
	if r.Verdict != nil {
		p.Verdict = FromVerdict(*r.Verdict)
	}
	return p
}

// ToRegister decodes and checks a register. Absent is the zero register.
func ToRegister(p *fleetv1.Register) (job.Register, error) {
	if p == nil {
		return job.Register{}, nil
	}
	if p.Phase < 0 || job.Phase(p.Phase) > job.PhaseVerifying {
		return job.Register{}, fmt.Errorf("unknown phase %d", p.Phase)
	}
	r := job.Register{
		Incarnation:      p.Incarnation,
		Version:          p.Version,
		Phase:            job.Phase(p.Phase),
		Reason:           within(p.Reason, mostName),
		StartedAt:        instant(p.StartedAt),
		ArchiveName:      within(p.ArchiveName, mostName),
		BorgVersion:      within(p.BorgVersion, mostWord),
		BorgPhase:        within(p.BorgPhase, mostName),
		BorgPhasePercent: min(ratio(p.BorgPhasePercent), 100),
		BorgRunning:      p.BorgRunning,
		Progress:         ToProgress(p.Progress),
	}
	if p.Verdict != nil {
		v, err := ToVerdict(p.Verdict)
		if err != nil {
			return job.Register{}, err
		}
		r.Verdict = &v
	}
	return r, nil
}

// FromVerdict encodes a verdict.
func FromVerdict(v job.Verdict) *fleetv1.Verdict {
	p := &fleetv1.Verdict{
		Status:             string(v.Status),
		ErrorCode:          v.ErrorCode,
		ErrorMessage:       text(v.ErrorMessage),
		StartedAt:          stamp(v.StartedAt),
		EndedAt:            stamp(v.EndedAt),
		Progress:           FromProgress(v.Progress),
		ArchiveName:        text(v.ArchiveName),
		ArchiveId:          text(v.ArchiveID),
		BorgId:             text(v.BorgID),
		BorgVersion:        text(v.BorgVersion),
		JournalEnd:         v.JournalEnd,
		ProcessTerminated:  v.ProcessTerminated,
		AlreadyExisted:     v.AlreadyExisted,
		Encryption:         text(v.Encryption),
		AccountDirectories: v.AccountDirs,
		Undisturbed:        v.Undisturbed,
		LastModified:       stamp(v.LastModified),
		ArchivesDeleted:    v.ArchivesDeleted,
		BytesFreed:         v.BytesFreed,
	}
	if v.ExitCode != nil {
		p.HasExitCode, p.ExitCode = true, int32(*v.ExitCode)
	}
	if v.Recovery != nil {
		p.Recovery = FromRecovery(*v.Recovery)
	}
	return p
}

// ToVerdict decodes and checks a verdict.
func ToVerdict(p *fleetv1.Verdict) (job.Verdict, error) {
	status, err := job.ParseStatus(p.GetStatus())
	if err != nil {
		return job.Verdict{}, fmt.Errorf("verdict: %w", err)
	}
	if !status.Final() {
		return job.Verdict{}, fmt.Errorf("verdict: %q does not end a job", status)
	}
	v := job.Verdict{
		Status:            status,
		ErrorCode:         within(p.ErrorCode, mostWord),
		ErrorMessage:      within(p.ErrorMessage, mostMessage),
		StartedAt:         instant(p.StartedAt),
		EndedAt:           instant(p.EndedAt),
		Progress:          ToProgress(p.Progress),
		ArchiveName:       within(p.ArchiveName, mostName),
		ArchiveID:         within(p.ArchiveId, mostWord),
		BorgID:            within(p.BorgId, mostWord),
		BorgVersion:       within(p.BorgVersion, mostWord),
		JournalEnd:        p.JournalEnd,
		ProcessTerminated: p.ProcessTerminated,
		AlreadyExisted:    p.AlreadyExisted,
		Encryption:        within(p.Encryption, mostWord),
		AccountDirs:       p.AccountDirectories,
		Undisturbed:       p.Undisturbed,
		LastModified:      instant(p.LastModified),
		ArchivesDeleted:   notBelowZero(p.ArchivesDeleted),
		BytesFreed:        notBelowZero(p.BytesFreed),
	}
	if p.HasExitCode {
		code := int(p.ExitCode)
		v.ExitCode = &code
	}
	if p.Recovery != nil {
		r := ToRecovery(p.Recovery)
		v.Recovery = &r
	}
	return v, nil
}

// FromRecord encodes a journal record.
func FromRecord(r job.Record) *fleetv1.Record {
	p := &fleetv1.Record{
		Number:   r.Number,
		Time:     stamp(r.Time),
		Level:    fleetv1.Record_Level(r.Level),
		Source:   r.Source,
		Text:     text(r.Text),
		Consumed: r.Consumed,
		Data:     r.Data,
	}
	if r.Gap != nil {
		p.Gap = &fleetv1.Gap{Count: r.Gap.Count, Reason: text(r.Gap.Reason)}
	}
	return p
}

// ToRecord decodes a journal record.
func ToRecord(p *fleetv1.Record) job.Record {
	r := job.Record{
		Number:   p.GetNumber(),
		Time:     instant(p.GetTime()),
		Level:    level(p.GetLevel()),
		Source:   within(p.GetSource(), mostWord),
		Text:     within(p.GetText(), mostLine),
		Consumed: p.GetConsumed(),
		Data:     p.GetData(),
	}
	if len(r.Data) > mostLine { // half of it would be something else
		r.Data = nil
	}
	if g := p.GetGap(); g != nil {
		r.Gap = &job.Gap{Count: g.Count, Reason: within(g.Reason, mostName)}
	}
	return r
}

// level of a kind that nobody knows is told as a warning: it should be seen.
func level(l fleetv1.Record_Level) job.Level {
	if l < 0 || job.Level(l) > job.LevelError {
		return job.LevelWarning
	}
	return job.Level(l)
}
