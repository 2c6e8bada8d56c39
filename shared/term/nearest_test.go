package term

import "testing"

func TestNearest(t *testing.T) {
	hosts := []string{"web1", "web2", "database", "mail"}
	for _, c := range []struct {
		word  string
		words []string
		want  string
	}{
		{"databse", hosts, "database"},             // left out
		{"dataabase", hosts, "database"},           // added
		{"datadase", hosts, "database"},            // changed
		{"mial", hosts, "mail"},                    // swapped
		{"Mail", hosts, "mail"},                    // case
		{"dtabaes", hosts, "database"},             // two slips in a long word
		{"wbe1", hosts, "web1"},                    // web2 is further
		{"web3", hosts, ""},                        // web1 and web2 are equally near
		{"backup", hosts, ""},                      // nothing is near
		{"ml", hosts, ""},                          // too short to guess
		{"mail", hosts, ""},                        // it is there: something else is wrong
		{"", hosts, ""},                            // nothing was written
		{"straße", []string{"strasse"}, "strasse"}, // letters, not bytes
		{"maill", []string{"mail", "mail"}, "mail"},
	} {
		if got := Nearest(c.word, c.words); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}
