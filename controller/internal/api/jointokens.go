package api

import (
	"bytes"
	"net/http"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
)

const mostLabels = 64

func (s *server) createJoinToken(w http.ResponseWriter, r *http.Request) error {
	data, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}") // every field has a default
	}
	body, err := parseObject(data)
	if err != nil {
		return err
	}
	req := joinTokenRequest(body)
	req.By = caller(r).User
	if err := body.err(); err != nil {
		return err
	}
	token, err := s.Fleet.CreateJoinToken(r.Context(), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rest.JoinToken{Token: token.Token, ExpiresAt: rest.At(token.ExpiresAt)})
}

func joinTokenRequest(body *object) fleet.JoinTokenRequest {
	var req fleet.JoinTokenRequest
	if name, ok := body.text("name"); ok {
		if wrong := checkWord(name); wrong != "" {
			body.bad.add(body.loc("name"), "%s", wrong)
		}
		req.Name = name
	}
	req.Labels = body.textMap("labels", mostLabels, checkWord, checkLabelValue)
	req.TTL, _ = body.duration("ttl", fleet.JoinTokenMinLife, fleet.JoinTokenMaxLife)
	uses, _ := body.number("uses", 1, fleet.JoinTokenMaxUses)
	req.Uses = int(uses)
	body.noOthers()
	return req
}
