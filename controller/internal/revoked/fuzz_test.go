package revoked

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/google/uuid"
)

// FuzzParse: a file that people, or a backup, brought. Whom it shuts out, it
// shuts out when it is written again.
func FuzzParse(f *testing.F) {
	f.Add([]byte("2026-01-01T00:00:00Z 7b1c3f3e-0000-4000-8000-000000000000\n"))
	f.Add([]byte("2026-01-01T00:00:00+01:00 {7b1c3f3e-0000-4000-8000-000000000000}\r\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := Parse(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		for i, e := range entries {
			again.WriteString(e.Line())
			if id, err := uuid.Parse(e.Agent); err != nil || id.String() != e.Agent {
				t.Errorf("%q is as no agent is called: nobody is shut out", e.Agent)
			}
			entries[i].At = e.At.UTC()
		}
		got, err := Parse(&again)
		for i := range got {
			got[i].At = got[i].At.UTC()
			entries[i].At = entries[i].At.Truncate(1e9) // what is written
		}
		if err != nil || !reflect.DeepEqual(got, entries) {
			t.Errorf("%+v is %+v after it was written again, %v", entries, got, err)
		}
	})
}
