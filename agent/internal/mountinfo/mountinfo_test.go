package mountinfo

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	const text = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:20 / /proc rw - proc proc rw
24 22 8:1 /var/a\040b\134c /mnt/x\011y rw master:1 propagate_from:2 - ext4 /dev/sda1 rw
a line that is none
25 22 8:1 /cut
`
	got, err := parse(strings.NewReader(text))
	want := []Mount{
		{22, "8:1", "/", "/", "ext4"}, {23, "0:20", "/", "/proc", "proc"}, {24, "8:1", `/var/a b\c`, "/mnt/x\ty", "ext4"},
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if all, err := Read("/proc/thread-self/mountinfo"); err != nil || !slices.ContainsFunc(all, func(m Mount) bool { return m.Point == "/" }) {
		t.Errorf("%v, %v", all, err)
	}
}
