package borg

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"borgfleet/shared/job"
)

// Version is a borg version.
type Version struct {
	Major, Minor, Patch int
	Pre                 string // "b25", "rc1", "a2.dev3"; empty for a release
}

// ParseVersion reads what borg --version prints ("borg 1.2.4",
// "borg2 2.0.0b25") or the bare number.
func ParseVersion(s string) (Version, error) {
	bad := func() (Version, error) { return Version{}, fmt.Errorf("%.80q is not a borg version", s) }
	words := strings.Fields(s)
	switch len(words) {
	case 1:
	case 2:
		if !strings.HasPrefix(words[0], "borg") {
			return bad()
		}
	default:
		return bad()
	}
	rest := words[len(words)-1]
	var n [3]int
	for i := range n {
		end := 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		v, err := strconv.Atoi(rest[:end])
		if err != nil || end > 6 {
			return bad()
		}
		n[i], rest = v, rest[end:]
		if i < 2 {
			var more bool
			if rest, more = strings.CutPrefix(rest, "."); !more {
				return bad()
			}
		}
	}
	// Builds from a checkout have a local part ("1.4.1.dev3+gabc.d2024"); it
	// orders nothing.
	pre, _, _ := strings.Cut(rest, "+")
	pre = strings.TrimPrefix(pre, ".")
	for _, r := range pre {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r == '.') {
			return bad()
		}
	}
	return Version{Major: n[0], Minor: n[1], Patch: n[2], Pre: pre}, nil
}

func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d%s", v.Major, v.Minor, v.Patch, v.Pre)
}

// Compare orders versions; a pre-release comes before its release.
func (v Version) Compare(w Version) int {
	if c := cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch)); c != 0 {
		return c
	}
	if v.Pre == "" || w.Pre == "" {
		return cmp.Compare(boolInt(v.Pre == ""), boolInt(w.Pre == ""))
	}
	return comparePre(v.Pre, w.Pre)
}

// comparePre compares runs of digits as numbers, so that b5 < b25.
func comparePre(a, b string) int {
	for a != "" && b != "" {
		na, ra := leadingNumber(a)
		nb, rb := leadingNumber(b)
		if ra != a && rb != b {
			if c := cmp.Compare(na, nb); c != 0 {
				return c
			}
			a, b = ra, rb
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func leadingNumber(s string) (n int, rest string) {
	i := 0
	for i < len(s) && i < 9 && s[i] >= '0' && s[i] <= '9' {
		n = n*10 + int(s[i]-'0')
		i++
	}
	return n, s[i:]
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Check says whether this agent can use the version. The error is an *Error
// and tells what to do.
func (v Version) Check() error {
	switch {
	case v.Compare(Version{Major: 1, Minor: 2}) < 0:
		return &Error{job.CodeBorgVersion, fmt.Sprintf("borg %s is too old: version 1.2.0 or newer is needed, for example 1.2.4 from Debian 12 or 1.4 from its backports", v)}
	case v.Major >= 2:
		// 2.0 changes commands and options from one beta to the next; an order
		// that is right for one beta does something else in another.
		return &Error{job.CodeBorgVersion, fmt.Sprintf("borg %s is not supported yet: borg 1.2 or 1.4 is needed; it can be installed beside borg 2 and named in the agent's configuration", v)}
	}
	return nil
}
