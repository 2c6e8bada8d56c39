package apitest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Promtool has Prometheus's own checker look at something, from within dir. The
// test is skipped where there is none, unless BORGFLEET_NEED_PROMTOOL says that
// there must be.
func Promtool(t *testing.T, dir string, input []byte, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil && os.Getenv("BORGFLEET_NEED_PROMTOOL") != "" {
		t.Fatal("promtool is not installed, and BORGFLEET_NEED_PROMTOOL says that it must be: run scripts/install-promtool.sh")
	}
	if err != nil {
		t.Skip("promtool is not installed: run make alerts, which gets it")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
	// Names and words that go against the custom end it with an error, too.
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
