package api

import (
	"net/http"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
)

func (s *server) listAgents(w http.ResponseWriter, r *http.Request) error {
	list := rest.AgentList{Agents: []rest.Agent{}}
	for _, v := range s.Fleet.Agents(r.Context()) {
		list.Agents = append(list.Agents, agentBody(v))
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *server) oneAgent(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Fleet.Agent(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, agentBody(v))
}

// changeAgent clears the agent's problem as well: whoever changes an agent has
// looked at it.
func (s *server) changeAgent(w http.ResponseWriter, r *http.Request) error {
	data, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	body, err := parseObject(data)
	if err != nil {
		return err
	}
	change := agentChange(body)
	change.By = caller(r).User
	if err := body.err(); err != nil {
		return err
	}
	v, err := s.Fleet.ChangeAgent(r.Context(), r.PathValue("id"), change)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, agentBody(v))
}

func agentChange(body *object) fleet.AgentChange {
	var c fleet.AgentChange
	if name, ok := body.text("name"); ok {
		if wrong := checkWord(name); wrong != "" {
			body.bad.add(body.loc("name"), "%s", wrong)
		}
		c.Name = &name
	}
	c.Labels = body.textMap("labels", mostLabels, checkWord, checkLabelValue)
	if _, there := body.get("paused"); there {
		paused := body.flag("paused")
		c.Paused = &paused
	}
	if n, ok := body.number("max_parallel", 0, fleet.AgentMaxParallel); ok {
		parallel := int(n)
		c.MaxParallel = &parallel
	}
	body.noOthers()
	return c
}

func (s *server) revokeAgent(w http.ResponseWriter, r *http.Request) error {
	v, err := s.Fleet.RevokeAgent(r.Context(), r.PathValue("id"), caller(r).User)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, agentBody(v))
}

func (s *server) deleteAgent(w http.ResponseWriter, r *http.Request) error {
	if err := s.Fleet.DeleteAgent(r.Context(), r.PathValue("id"), caller(r).User); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func agentBody(v fleet.AgentView) rest.Agent {
	a := rest.Agent{
		ID: v.ID, Name: v.Name, Hostname: v.Hostname, Online: v.Online,
		LastContactAt:        rest.At(v.LastContactAt),
		EnrolledAt:           rest.At(v.EnrolledAt),
		Labels:               v.Labels,
		Version:              orNull(v.Version),
		Borg:                 []rest.Borg{},
		CertificateExpiresAt: rest.At(v.CertificateExpiresAt),
		Running:              v.Running, Waiting: v.Waiting,
		Paused: v.Paused, Revoked: v.Revoked, RevokedAt: rest.At(v.RevokedAt), MaxParallel: v.MaxParallel,
		Problem: orNull(v.Problem), ProblemAt: rest.At(v.ProblemAt),
		AgeRecipient:      orNull(v.AgeRecipient),
		RecoveryRecipient: orNull(v.RecoveryRecipient), RecoveryAccepted: v.RecoveryAccepted,
	}
	if v.ClockSkew != nil {
		s := int64(v.ClockSkew.Round(time.Second) / time.Second)
		a.ClockSkewSeconds = &s
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	for _, b := range v.Borg {
		a.Borg = append(a.Borg, rest.Borg{Path: b.Path, Version: orNull(b.Version), Problem: orNull(b.Problem)})
	}
	return a
}
