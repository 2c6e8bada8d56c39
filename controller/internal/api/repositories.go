package api

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
)

func (s *server) createRepository(w http.ResponseWriter, r *http.Request) error {
	return s.register(w, r, false)
}

func (s *server) importRepository(w http.ResponseWriter, r *http.Request) error {
	return s.register(w, r, true)
}

func (s *server) register(w http.ResponseWriter, r *http.Request, imported bool) error {
	data, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	body, err := parseObject(data)
	if err != nil {
		return err
	}
	req := repositoryRequest(body, imported)
	req.By = caller(r).User
	if err := body.err(); err != nil {
		return err
	}
	register := s.Fleet.CreateRepository
	if imported {
		register = s.Fleet.ImportRepository
	}
	v, err := register(r.Context(), req)
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/repositories/%d", v.ID))
	return writeJSON(w, http.StatusCreated, repositoryBody(v))
}

func (s *server) listRepositories(w http.ResponseWriter, r *http.Request) error {
	list := rest.RepositoryList{Repositories: []rest.Repository{}}
	for _, v := range s.Fleet.Repositories(r.Context()) {
		list.Repositories = append(list.Repositories, repositoryBody(v))
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *server) oneRepository(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "repository")
	if err != nil {
		return err
	}
	v, err := s.Fleet.Repository(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, repositoryBody(v))
}

func (s *server) retryRepository(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "repository")
	if err != nil {
		return err
	}
	v, err := s.Fleet.RetryRepository(r.Context(), id, caller(r).User)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, repositoryBody(v))
}

// repositoryBody leaves the sealed passphrase out: nobody but the agent has a
// use for it, and what is not sent cannot be kept by a proxy.
func repositoryBody(v fleet.RepositoryView) rest.Repository {
	body := rest.Repository{
		ID: v.ID, Name: v.Name, Path: v.Path,
		Agent: cmp.Or(v.AgentName, v.AgentID), AgentID: v.AgentID, Maintainer: orNull(v.MaintainerName),
		Status: v.Status, AlreadyExisted: v.AlreadyExisted,
		ErrorCode: orNull(v.ErrorCode), ErrorMessage: orNull(v.ErrorMessage),
		CreatedAt: rest.At(v.CreatedAt), InitJobID: orNull(v.InitJob), BorgID: orNull(v.BorgID),

		Encryption:         orNull(v.Encryption),
		HasPassphrase:      len(v.PassphraseSealed) > 0,
		Compression:        orNull(v.Compression),
		SourceDirectories:  orEmpty(v.Sources),
		ExcludePatterns:    orEmpty(v.ExcludePatterns),
		OneFileSystem:      v.OneFileSystem,
		ExcludeCaches:      v.ExcludeCaches,
		ExcludeIfPresent:   orEmpty(v.ExcludeIfPresent),
		UploadRatelimit:    v.UploadRateLimit,
		CheckpointInterval: seconds(v.CheckpointInterval),
		LockWait:           seconds(cmp.Or(v.LockWait, job.DefaultLockWait)),
		FileLog:            string(cmp.Or(v.FileLog, job.FileLogNone)),
		ArchiveNameFormat:  cmp.Or(v.ArchiveNameFormat, job.DefaultArchiveName),

		MatchArchives:      v.MatchArchives,
		Retention:          retentionBody(v.Retention),
		Hooks:              hooksBody(v.Hooks),
		AccountDirectories: v.AccountDirs,
		Imported:           v.Imported,
		CatalogueAsOf:      rest.At(v.CatalogueAsOf),
		PassphraseJobID:    orNull(v.PassphraseJob),
	}
	if !v.CatalogueAsOf.IsZero() {
		body.Archives, body.ArchivesUnmatched, body.ArchivesVanished = &v.Archives, &v.Unmatched, &v.Vanished
	}
	if c := v.Recovery; c != nil {
		body.Recovery = &rest.RepositoryRecovery{
			SealedAt: rest.At(c.SealedAt), Fingerprint: seal.Fingerprint(c.Recipient), Current: v.RecoveryCurrent,
			Key: c.Key, Passphrase: c.Passphrase,
		}
	}
	return body
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// orEmpty keeps null out of arrays.
func orEmpty(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}
