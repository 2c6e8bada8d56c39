package borgmatic

import (
	"path"
	"strings"
	"testing"

	"borgfleet/shared/job"
)

// TestArchiveNames: what is matched are the archives that borgmatic has made and
// those that are made from now on, and none of a host whose name begins alike.
func TestArchiveNames(t *testing.T) {
	for _, tt := range []struct{ said, old, format, match string }{
		{"", "web-2026-01-31T01:02:03.000004", "web-{now}", "web-????-??-??T??:??:??.???*"},
		{"archive_name_format: '{hostname}-{now:%Y-%m-%d}'", "web-2026-01-31", "web-{now}", "web-????-??-??*"},
		{"archive_name_format: '{hostname}-{now}'", "web-2026-01-31T01:02:03", "web-{now}", "web-????-??-??T??:??:??*"},
		{"archive_name_format: 'x-{utcnow:%Y%m%d-%H%M%S}'", "x-20260131-010203", "x-{utcnow}", "x-????*"},
		{"archive_name_format: 'x-{now:%s}'", "x-1780000000", "x-{now}", "x-*"},
		{"archive_name_format: '{now:%Y-%m-%d}-daily'", "2026-01-31-daily", "{now}-daily", "????-??-??*"},
		{"archive_name_format: 'a-{now}'\nmatch_archives: 'sh:a-*'", "a-2026-01-31T01:02:03", "a-{now}", "a-*"},
		{"archive_name_format: 'a-{now}'\nprefix: 'a'", "a-2026-01-31T01:02:03", "a-{now}", "a*"},
	} {
		r, err := Import(write(t, "repositories: [/r]\nsource_directories: [/etc]\n"+tt.said+"\n"), Options{Hostname: "web", Agent: "web"})
		if err != nil {
			t.Fatal(err)
		}
		got := r.Defined.Repositories[0]
		if got.ArchiveNameFormat != tt.format || got.MatchArchives != tt.match {
			t.Errorf("%s: %s, %s", tt.said, got.ArchiveNameFormat, got.MatchArchives)
		}
		fresh := job.ArchivePattern(job.Repository{ArchiveNameFormat: got.ArchiveNameFormat}, "web")
		fresh = strings.ReplaceAll(strings.TrimSuffix(fresh, "*"), "?", "7")
		for name, want := range map[string]bool{tt.old: true, fresh: true, "web-home-2026-01-31T01:02:03.004": strings.HasPrefix(tt.match, "web-*")} {
			if is, err := path.Match(tt.match, name); err != nil || is != want {
				t.Errorf("%s: %s matches %s: %v, %v", tt.said, tt.match, name, is, err)
			}
		}
	}
}
