package api

import (
	"net/http"

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
		Paused: v.Paused, Revoked: v.Revoked, MaxParallel: v.MaxParallel,
		AgeRecipient: orNull(v.AgeRecipient),
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	for _, b := range v.Borg {
		a.Borg = append(a.Borg, rest.Borg{Path: b.Path, Version: orNull(b.Version), Problem: orNull(b.Problem)})
	}
	return a
}
