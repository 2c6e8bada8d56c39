package term

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestJSONForTerminals: nothing in it is a command, and it says the same.
func TestJSONForTerminals(t *testing.T) {
	want := map[string]string{"\u202ea\u009b": "x\x1b[2J\u2066\u0085\x7f\ufeff\"\\<&>é\u2028\n\t"}
	for _, indent := range []string{"", "  "} {
		data, err := encodeJSON(want, indent)
		if err != nil {
			t.Fatal(err)
		}
		if at := strings.IndexFunc(string(data), func(r rune) bool { return commands(r) && r != '\n' }); at >= 0 {
			t.Errorf("%q at %d", data, at)
		}
		var got map[string]string
		if err := json.Unmarshal(data, &got); err != nil || len(got) != 1 || got["\u202ea\u009b"] != want["\u202ea\u009b"] {
			t.Errorf("%q is %q, %v", data, got, err)
		}
	}
}
