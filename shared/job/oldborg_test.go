package job

import (
	"strings"
	"testing"
)

func TestOldBorg(t *testing.T) {
	for version, holes := range map[string]int{
		"1.2.0": 2, "1.2.4": 2, "1.2.5": 1, "1.2.7": 1, "1.2.8": 0, "1.2.10": 0,
		"1.4.0": 1, "1.4.0rc1": 1, "1.4.4": 1, "1.4.5": 0, "1.4.10": 0, "1.5.0": 0,
		"2.0.0b5": 0, "": 0, "1.2": 0, "not a version": 0,
	} {
		if why := OldBorg(version); strings.Count(why, "CVE-") != holes {
			t.Errorf("%s: %q, want %d holes", version, why, holes)
		}
	}
}
