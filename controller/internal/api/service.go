package api

import (
	_ "embed"
	"errors"
	"net/http"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fault"
)

//go:embed openapi.json
var contract []byte

// OpenAPI is the API's contract, as it is served.
func OpenAPI() []byte { return append([]byte(nil), contract...) }

func (s *server) openAPI(w http.ResponseWriter, r *http.Request) error {
	sendFile(w, r, "application/json", contract)
	return nil
}

func (s *server) service(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, rest.Service{Name: "borgfleet", Version: s.Version})
}

func (s *server) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, http.StatusOK, rest.Health{Status: "ok"})
}

// readyz tells strangers no more than that the controller is not ready.
func (s *server) readyz(w http.ResponseWriter, _ *http.Request) error {
	err := s.Ready()
	if err == nil {
		return writeJSON(w, http.StatusOK, rest.Health{Status: "ready"})
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "not_ready", "the controller is not ready; its log says why")
}
