package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"time"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
	"borgfleet/shared/job"
)

// usualCompression is borg's, where nothing is said.
const usualCompression = "lz4"

// repository says what is to be done about one on its host.
func repository(o definitions.On, fleet Fleet) (Change, error) {
	c := Change{What: "repository", Name: o.Repository.Name, Agent: o.Agent.Name, Repository: &o.Repository}
	c.Host = fleet.agents[o.Agent.ID]
	have, err := registered(o, fleet.of[o.Agent.ID])
	if err != nil {
		return Change{}, err
	}
	if have == nil {
		c.Action, c.Fields = Create, request(o)
		if o.Existing {
			c.Action = TakeOver
		}
		return c, nil
	}
	if mode := word(have["encryption"]); o.Encryption != "" && mode != "" && mode != o.Encryption {
		return Change{}, fmt.Errorf("its encryption on %s is %s, which cannot become %s", o.Agent.Name, mode, o.Encryption)
	}
	c.ID, c.Action, c.Fields = number(have["id"]), Unchanged, client.Fields{}
	want := wanted(o)
	have["compression"] = cmp.Or(word(have["compression"]), usualCompression)
	for _, d := range differences(have, want) {
		c.Action = Update
		c.Differences = append(c.Differences, d)
		c.Fields[d.Field] = want[d.Field]
	}
	return c, nil
}

// registered finds the registration of a path among those of a host. One that
// failed counts for nothing: a new one takes its place.
func registered(o definitions.On, all []client.Fields) (client.Fields, error) {
	for _, r := range all {
		if r["status"] == "failed" {
			continue
		}
		at := word(r["path"])
		if at == o.Path || job.Location(at, o.Agent.ID) == job.Location(o.Path, o.Agent.ID) {
			return maps.Clone(r), nil
		}
	}
	for _, r := range all {
		if r["status"] != "failed" && r["name"] == o.Repository.Name {
			return nil, errors.New(o.Agent.Name + " has a repository of this name at " + word(r["path"]) + ", and a path cannot be changed: give it another name, or delete that registration first")
		}
	}
	return nil, nil
}

// wanted are the fields that a registration is to have. What the file leaves out is
// as REST has it where nothing is said; match_archives is left alone, since what
// it is then follows from other fields.
func wanted(o definitions.On) client.Fields {
	f := client.Fields{
		"name":                o.Repository.Name,
		"compression":         cmp.Or(o.Compression, usualCompression),
		"source_directories":  list(o.SourceDirectories),
		"exclude_patterns":    list(o.ExcludePatterns),
		"one_file_system":     o.OneFileSystem,
		"exclude_caches":      o.ExcludeCaches,
		"exclude_if_present":  list(o.ExcludeIfPresent),
		"upload_ratelimit":    o.UploadRatelimit,
		"checkpoint_interval": int64(o.CheckpointInterval),
		"lock_wait":           cmp.Or(int64(o.LockWait), int64(job.DefaultLockWait/time.Second)),
		"file_log":            cmp.Or(o.FileLog, string(job.FileLogNone)),
		"archive_name_format": cmp.Or(o.ArchiveNameFormat, job.DefaultArchiveName),
		"retention":           nil,
		"hooks":               nil,
	}
	if o.MatchArchives != "" {
		f["match_archives"] = o.MatchArchives
	}
	if o.Retention != nil {
		f["retention"] = o.Retention
	}
	if o.Hooks != nil {
		f["hooks"] = o.Hooks
	}
	return f
}

// request are the fields of a new registration: those that say something.
func request(o definitions.On) client.Fields {
	f := wanted(o)
	for field, said := range map[string]bool{
		"compression": o.Compression != "", "lock_wait": o.LockWait != 0, "file_log": o.FileLog != "", "archive_name_format": o.ArchiveNameFormat != "",
	} {
		if !said {
			delete(f, field)
		}
	}
	for field, v := range f {
		if v == false || plain(v) == nil {
			delete(f, field)
		}
	}
	f["path"], f["agent"] = o.Path, o.Agent.ID
	if o.Encryption != "" {
		f["encryption"] = o.Encryption
	}
	return f
}

// list keeps null out of what is sent.
func list(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

func word(v any) string {
	s, _ := v.(string)
	return s
}

func number(v any) int64 {
	n, _ := v.(float64)
	return int64(n)
}
