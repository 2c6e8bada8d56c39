package api

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

// changeRepository takes the fields that are given; the others stay.
func (s *server) changeRepository(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "repository")
	if err != nil {
		return err
	}
	data, err := s.readBody(w, r)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}") // nothing changes, and the answer says how it stands
	}
	body, err := parseObject(data)
	if err != nil {
		return err
	}
	now, err := s.Fleet.Repository(r.Context(), id)
	if err != nil {
		return err
	}
	u := repositoryUpdate(body, now)
	u.ID, u.By = id, caller(r).User
	if err := body.err(); err != nil {
		return err
	}
	v, err := s.Fleet.UpdateRepository(r.Context(), u)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, repositoryBody(v))
}

// repositoryUpdate reads a change. What is wrong is left in body.
func repositoryUpdate(body *object, now fleet.RepositoryView) fleet.RepositoryUpdate {
	var changes []func(*job.Repository)
	change := func(name string, read func() func(*job.Repository)) {
		if _, given := body.get(name); given {
			changes = append(changes, read())
		}
	}
	text := func(name string, check func(string) string, set func(*job.Repository, string)) {
		change(name, func() func(*job.Repository) {
			v := body.checked(name, false, check)
			return func(d *job.Repository) { set(d, v) }
		})
	}
	texts := func(name string, most int, check func(string) string, set func(*job.Repository, []string)) {
		change(name, func() func(*job.Repository) {
			v := body.texts(name, most, check)
			return func(d *job.Repository) { set(d, v) }
		})
	}
	flag := func(name string, set func(*job.Repository, bool)) {
		change(name, func() func(*job.Repository) {
			v := body.flag(name)
			return func(d *job.Repository) { set(d, v) }
		})
	}
	duration := func(name string, most time.Duration, set func(*job.Repository, time.Duration)) {
		change(name, func() func(*job.Repository) {
			v, _ := body.duration(name, 0, most)
			return func(d *job.Repository) { set(d, v) }
		})
	}
	text("name", checkName, func(d *job.Repository, v string) { d.Name = v })
	text("compression", saying(job.CheckCompression), func(d *job.Repository, v string) { d.Compression = v })
	text("file_log", checkFileLog, func(d *job.Repository, v string) { d.FileLog = job.FileLog(v) })
	text("archive_name_format", checkArchiveName, func(d *job.Repository, v string) { d.ArchiveNameFormat = v })
	text("match_archives", checkMatch, func(d *job.Repository, v string) { d.MatchArchives = v })
	change("hooks", func() func(*job.Repository) {
		v := body.hooks("hooks")
		return func(d *job.Repository) { d.Hooks = v }
	})
	change("source_directories", func() func(*job.Repository) {
		v := body.mustTexts("source_directories", mostSources, checkSource)
		return func(d *job.Repository) { d.Sources = v }
	})
	texts("exclude_patterns", mostPatterns, checkPattern, func(d *job.Repository, v []string) { d.ExcludePatterns = v })
	texts("exclude_if_present", mostPatterns, checkTag, func(d *job.Repository, v []string) { d.ExcludeIfPresent = v })
	flag("one_file_system", func(d *job.Repository, v bool) { d.OneFileSystem = v })
	flag("exclude_caches", func(d *job.Repository, v bool) { d.ExcludeCaches = v })
	change("upload_ratelimit", func() func(*job.Repository) {
		v, _ := body.number("upload_ratelimit", 0, mostRateLimit)
		return func(d *job.Repository) { d.UploadRateLimit = v }
	})
	duration("checkpoint_interval", mostCheckpoint, func(d *job.Repository, v time.Duration) { d.CheckpointInterval = v })
	duration("lock_wait", mostLockWait, func(d *job.Repository, v time.Duration) { d.LockWait = v })
	if _, given := body.fields["retention"]; given { // null takes it away
		keep := readRetention(body)
		changes = append(changes, func(d *job.Repository) { d.Retention = keep })
	}

	var maintainer *string
	if _, given := body.fields["maintainer"]; given { // null takes it away
		name, _ := body.text("maintainer")
		if maintainer = &name; name != "" && name == now.MaintainerName {
			maintainer = nil // a client that sends back what it was told
		}
	}
	secret := fleet.RepositoryRequest{Definition: now.Repository}
	readPassphrase(body, &secret)
	readType(body, now.Path)
	refuseChange(body, now)
	body.noOthers()
	return fleet.RepositoryUpdate{
		Maintainer: maintainer,
		Passphrase: secret.Passphrase, PassphraseSealed: secret.PassphraseSealed,
		Change: func(d job.Repository) job.Repository {
			for _, c := range changes {
				c(&d)
			}
			return d
		},
	}
}

// refuseChange: these make it another repository. A client that sends back what
// it was told changes nothing.
func refuseChange(body *object, now fleet.RepositoryView) {
	for _, fixed := range []struct {
		name string
		same []string
	}{{"path", []string{now.Path}}, {"agent", []string{now.AgentName, now.AgentID}}, {"encryption", []string{now.Encryption}}} {
		if v, given := body.text(fixed.name); given && !slices.Contains(fixed.same, v) {
			body.bad.add("body."+fixed.name, "it cannot be changed; register the repository anew, and delete this registration")
		}
	}
}

func (s *server) deleteRepository(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "repository")
	if err != nil {
		return err
	}
	if err := s.Fleet.DeleteRepository(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) runningJobs(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "repository")
	if err != nil {
		return err
	}
	jobs, err := s.Fleet.RunningJobs(r.Context(), id)
	if err != nil {
		return err
	}
	out := rest.RunningJobs{HasRunningJobs: len(jobs) > 0, Jobs: []rest.Job{}}
	for _, v := range jobs {
		out.Jobs = append(out.Jobs, s.jobBody(v, caller(r).Role))
	}
	return writeJSON(w, http.StatusOK, out)
}
