package fleet

import "testing"

// FuzzPlace: a cursor as a client brings it.
func FuzzPlace(f *testing.F) {
	f.Add(folderPlace{job: 7, line: 9}.cursor())
	f.Add("AQ\n==")
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := parsePlace(s); ok && p.cursor() != s {
			t.Errorf("%q is read as %+v, which is %q", s, p, p.cursor())
		}
	})
}
