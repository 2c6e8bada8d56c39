package store

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"borgfleet/shared/job"
	storev1 "borgfleet/shared/proto/store/v1"
	"borgfleet/shared/wire"
)

func encodeJob(j job.Job) ([]byte, error) {
	p := &storev1.Job{
		Id: j.ID, Key: j.Key[:], Agent: j.Agent, Spec: wire.FromSpec(j.Spec),
		Status: string(j.Status), Sent: j.Sent,
		CancelRequested: j.CancelRequested, CancelledBy: text(j.CancelledBy),
		Announced: j.Announced, VerdictIsOurs: j.Ours, LogNext: j.LogNext, StartedAt: stamp(j.StartedAt()),
		LogGone: j.LogGone, RecordedAt: stamp(j.RecordedAt),
	}
	for _, s := range j.Steps {
		p.Steps = append(p.Steps, &storev1.Step{Job: s.ID, Kind: string(s.Kind), Status: string(s.Status)})
	}
	if j.Register != (job.Register{}) { // most waiting jobs have none
		p.Register = wire.FromRegister(j.Register)
	}
	if j.Verdict != nil && j.Verdict != j.Register.Verdict {
		p.Verdict = wire.FromVerdict(*j.Verdict)
	}
	b, err := proto.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode job %d: %w", j.ID, err)
	}
	return b, nil
}

func decodeJob(b []byte) (job.Job, error) {
	var p storev1.Job
	if err := proto.Unmarshal(b, &p); err != nil {
		return job.Job{}, fmt.Errorf("read job: %w", err)
	}
	j, err := jobFromProto(&p)
	if err != nil {
		return job.Job{}, fmt.Errorf("read job %d: %w", p.Id, err)
	}
	return j, nil
}

func jobFromProto(p *storev1.Job) (job.Job, error) {
	j := job.Job{
		ID: p.Id, Agent: p.Agent, Announced: p.Announced, Sent: p.Sent,
		CancelRequested: p.CancelRequested, CancelledBy: p.CancelledBy,
		Ours: p.VerdictIsOurs, LogNext: p.LogNext, LogGone: p.LogGone, RecordedAt: instant(p.RecordedAt),
	}
	var err error
	if j.Key, err = job.KeyFromBytes(p.Key); err != nil {
		return job.Job{}, err
	}
	if j.Spec, err = wire.ToSpec(p.Spec); err != nil {
		return job.Job{}, err
	}
	if j.Status, err = job.ParseStatus(p.Status); err != nil {
		return job.Job{}, err
	}
	if j.Register, err = wire.ToRegister(p.Register); err != nil {
		return job.Job{}, err
	}
	for _, s := range p.Steps {
		j.Steps = append(j.Steps, job.Step{ID: s.Job, Kind: job.Kind(s.Kind), Status: job.Status(s.Status)})
	}
	j.Verdict = j.Register.Verdict // the agent's own is stored once, there
	if p.Verdict != nil {
		v, err := wire.ToVerdict(p.Verdict)
		if err != nil {
			return job.Job{}, err
		}
		j.Verdict = &v
	}
	return j, nil
}
