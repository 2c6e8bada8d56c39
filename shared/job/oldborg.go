package job

import "fmt"

// OldBorg says why a borg that works should be replaced, or nothing. A version
// that cannot be read is not judged.
//
//	CVE-2023-36811  archives can be put into a repository by whoever writes to it; before 1.2.5
//	CVE-2026-62268  extract; before 1.2.8 and 1.4.5
func OldBorg(version string) string {
	var major, minor, patch int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n != 3 || major != 1 {
		return ""
	}
	switch {
	case minor == 2 && patch < 5:
		return "it has the holes CVE-2023-36811 and CVE-2026-62268, which 1.2.8 and 1.4.5 have not (unless the distribution has closed them in its own build)"
	case minor == 2 && patch < 8, minor == 3, minor == 4 && patch < 5:
		return "it has the hole CVE-2026-62268, which 1.2.8 and 1.4.5 have not (unless the distribution has closed it in its own build)"
	}
	return ""
}
