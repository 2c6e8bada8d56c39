package cli

import (
	"strings"
	"testing"

	"borgfleet/controller/internal/api/rest"
)

// TestHooks: what the command line names goes in the place of what is there, time
// by time.
func TestHooks(t *testing.T) {
	had := rest.Repository{ID: 4, Name: "web", Path: "/r", Agent: "web1", Status: "ready",
		Hooks: rest.Hooks{Before: []string{"pg-dump", "mount"}, After: []string{}, OnFailure: []string{}, OnWarning: []string{}, Always: []string{"umount"}}}
	f := newFake(t, map[string][]answer{
		"POST /api/repositories": {{201, had}}, "PUT /api/repositories/4": ok(had),
		"GET /api/repositories": ok(rest.RepositoryList{Repositories: []rest.Repository{had}}),
	})
	for _, c := range []struct{ args, sent string }{
		{"create web /r --encryption none --source /etc --hook-before pg-dump --hook-before mount --hook-always umount",
			`"hooks":{"before":["pg-dump","mount"],"after":null,"on_failure":null,"on_warning":null,"always":["umount"]}`},
		{"update web --hook-after ping", `{"hooks":{"before":["pg-dump","mount"],"after":["ping"],"on_failure":[],"on_warning":[],"always":["umount"]}}`},
		{"update web --hook-before  --hook-always x", `{"hooks":{"before":[],"after":[],"on_failure":[],"on_warning":[],"always":["x"]}}`},
	} {
		r := f.command("", append([]string{"repositories"}, strings.Split(c.args, " ")...)...)
		asked := f.heard()
		if r.code != 0 || !strings.Contains(asked[len(asked)-1], c.sent) {
			t.Errorf("%s: %+v asked %s", c.args, r, asked[len(asked)-1])
		}
		if !strings.Contains(r.out, "Hooks       before: pg-dump, mount\n    always: umount\n") {
			t.Errorf("%s: says %s", c.args, r.out)
		}
	}
}
