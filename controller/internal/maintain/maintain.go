// Package maintain is the care of the controller's own data, for root on its
// host: these paths are served on the admin socket only and are no part of the
// REST API.
package maintain

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"filippo.io/age"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/backup"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/retention"
	"borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
)

// Options is what the handler needs.
type Options struct {
	Fleet     *fleet.Service
	Store     *store.Store
	Keeper    *retention.Keeper
	ShutOut   *revoked.List
	FleetID   string
	Authority string // directory
	Audit     *audit.Trail
	Logger    *slog.Logger
	Now       func() time.Time

	Next http.Handler                       // everything else
	By   func(*http.Request) (string, bool) // who calls; false: somebody who may not
}

type handler struct{ Options }

// New serves the paths below /db.
func New(o Options) http.Handler {
	h := handler{o}
	mux := http.NewServeMux()
	for _, rt := range h.routes() {
		mux.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) {
			r = r.WithContext(h.Audit.Begin(r.Context(), socket))
			audit.Of(r.Context()).What(rt.name, rt.changes)
			if err := h.allowed(w, r, rt.handle); err != nil {
				h.problem(w, r, err)
				return
			}
			h.Audit.Answer(r.Context(), http.StatusOK, "")
		})
	}
	// The mux must not see the others' paths: it would redirect some of them.
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, rest.CarePrefix) {
			mux.ServeHTTP(w, r)
			return
		}
		o.Next.ServeHTTP(w, r)
	})
}

// route is an operation that only the admin socket has.
type route struct {
	pattern, name string // of the mux; and for the audit log
	changes       bool
	handle        func(http.ResponseWriter, *http.Request, string) error
}

func (h handler) routes() []route {
	return []route{
		{"POST " + rest.BackupPath, "backupController", true, h.backup},
		{"GET " + rest.StatsPath, "storeStats", false, h.stats},
		{"GET " + rest.DifferencesPath, "listDifferences", false, h.differences},
		{"POST " + rest.SettlePath, "settleRepository", true, h.settle},
		{"POST " + rest.AdmitPath, "admitAgent", true, h.admit},
	}
}

// socket is where all of these come from, and what proves who asks.
const socket = "admin socket"

func (h handler) allowed(w http.ResponseWriter, r *http.Request, fn func(http.ResponseWriter, *http.Request, string) error) error {
	who, ok := h.By(r)
	if !ok {
		return fault.New(fault.Forbidden, "not_root", "this is for root on the controller's host")
	}
	audit.Of(r.Context()).Is(who, socket)
	return fn(w, r, who)
}

func (h handler) problem(w http.ResponseWriter, r *http.Request, err error) {
	e := fault.Of(err)
	if e.Kind == fault.Internal {
		h.Logger.Error("maintain", "path", r.URL.Path, "err", err)
	}
	w.Header().Set("Content-Type", rest.ProblemType)
	status := fault.Status(err)
	h.Audit.Answer(r.Context(), status, e.Code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(rest.Problem{Status: status, Title: http.StatusText(status), Detail: e.Message, Code: e.Code, Next: e.Next()}) // the caller has gone
}

const mostBody = 64 << 10

func body[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	var out T
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, mostBody))
	in.DisallowUnknownFields()
	if err := in.Decode(&out); err != nil {
		return out, fault.New(fault.Malformed, "malformed", "read request: %s", err)
	}
	return out, nil
}

func answer(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// backup streams a backup. One that breaks off lacks its end, which whoever
// reads it notices.
func (h handler) backup(w http.ResponseWriter, r *http.Request, by string) error {
	req, err := body[rest.BackupRequest](w, r)
	if err != nil {
		return err
	}
	to, err := backup.Recipient(req.Recipient, req.Passphrase)
	if err != nil {
		return fault.New(fault.Invalid, "recipient_invalid", "%s", err)
	}
	ctl := http.NewResponseController(w)
	// It takes as long as it takes; who reads too slowly is root.
	if err := ctl.SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	// Before the first byte: who has a part of a backup has the users' hashes.
	h.Audit.Answer(r.Context(), http.StatusOK, "")
	out := &begun{w: w}
	err = backup.Write(out, h.source(to))
	if err != nil && !out.yes {
		return err
	}
	if err != nil {
		h.Logger.Error("backup of the controller broke off", "by", by, "err", err)
		panic(http.ErrAbortHandler) // the one way to tell the other side, once something was sent
	}
	h.Logger.Info("controller backed up", "by", by, "authority", to != nil)
	return nil
}

// begun notes whether anything was sent.
type begun struct {
	w   http.ResponseWriter
	yes bool
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.w.Write(p)
}

func (h handler) source(to age.Recipient) backup.Source {
	return backup.Source{
		Store: h.Store, FleetID: h.FleetID, Revocations: h.ShutOut.Entries(),
		Authority: h.Authority, Recipient: to, Now: h.Now(),
	}
}

func (h handler) differences(w http.ResponseWriter, r *http.Request, _ string) error {
	out := rest.DifferenceList{Differences: []rest.Difference{}}
	for _, v := range h.Fleet.Held(r.Context()) {
		d := rest.Difference{
			AgentID: v.AgentID, Agent: v.AgentName, Repository: v.Held.ID,
			Host: definition(v.Held, v.Schedules), Settled: v.Settled,
		}
		if v.Known {
			ours := definition(v.Ours, v.OurTimes)
			d.Controller = &ours
		}
		out.Differences = append(out.Differences, d)
	}
	return answer(w, out)
}

func (h handler) settle(w http.ResponseWriter, r *http.Request, by string) error {
	req, err := body[rest.SettleRequest](w, r)
	if err != nil {
		return err
	}
	if err := h.Fleet.SettleHeld(r.Context(), req.Agent, req.Repository, req.Take, by); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (h handler) admit(w http.ResponseWriter, r *http.Request, by string) error {
	req, err := body[rest.AdmitRequest](w, r)
	if err != nil {
		return err
	}
	if err := h.Fleet.AdmitAgent(r.Context(), req.Agent, by); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
