package term

import (
	"os/exec"
	"testing"
)

func TestShell(t *testing.T) {
	for _, word := range []string{"", "/srv/a", "ssh://u@h:22/./r", "it's", "a b", "$(x)", "*", "~/r", "ü", "a\nb", `\`, "-x", "!"} {
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+Shell(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q becomes %q, %v", word, out, err)
		}
	}
	if got := Shell("ssh://u@h:22/./r"); got != "ssh://u@h:22/./r" {
		t.Errorf("quoted for nothing: %s", got)
	}
}
