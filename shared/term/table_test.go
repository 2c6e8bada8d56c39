package term

import (
	"bytes"
	"strings"
	"testing"
)

func sample() *Table {
	t := &Table{Columns: []Column{{Title: "ID", Right: true}, {Title: "NAME", Cut: CutEnd}, {Title: "PATH", Cut: CutStart}, {Title: "STATUS"}}}
	t.Add("7", "web", "/srv/backups/a-rather-long-directory/web", "completed")
	t.Add("123", "日本の\x1b[31m", "ssh://bk@host/./x", "")
	return t
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	if err := sample().Print(On(&b)); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		` ID  NAME            PATH                                      STATUS`,
		`  7  web             /srv/backups/a-rather-long-directory/web  completed`,
		`123  日本の\x1b[31m  ssh://bk@host/./x                         -`,
		``,
	}, "\n")
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// No line may be wider than the terminal, nor may ids and states be cut.
func TestTableFits(t *testing.T) {
	for screen := 34; screen < 90; screen++ {
		tb := sample()
		shown, widths := tb.layout(screen)
		if len(shown) != len(widths) {
			t.Errorf("at %d columns only %v are shown", screen, shown)
		}
		total := len(gap) * (len(widths) - 1)
		for _, w := range widths {
			total += w
		}
		if total > screen {
			t.Errorf("at %d columns the table takes %d", screen, total)
		}
		if widths[0] != 3 || widths[3] != len("completed") {
			t.Errorf("at %d columns the widths are %v", screen, widths)
		}
	}
}

// What gives way first is what matters least; what has no number never goes.
func TestTableDropsColumns(t *testing.T) {
	tb := &Table{Columns: []Column{{Title: "ID"}, {Title: "KIND", Drop: 2}, {Title: "NAME", Cut: CutEnd, Drop: 1}, {Title: "STATUS"}}}
	tb.Add("12345", "backup", "a long name", "completed_with_warnings")
	for screen, want := range map[int]string{
		0: "ID KIND NAME STATUS", 100: "ID KIND NAME STATUS", 48: "ID KIND NAME STATUS", 47: "ID NAME STATUS", 40: "ID NAME STATUS", 39: "ID STATUS", 20: "ID STATUS",
	} {
		shown, _ := tb.layout(screen)
		var titles []string
		for _, i := range shown {
			titles = append(titles, tb.Columns[i].Title)
		}
		if got := strings.Join(titles, " "); got != want {
			t.Errorf("at %d columns there are %s, want %s", screen, got, want)
		}
	}
}

func TestCutKeepsWithin(t *testing.T) {
	for _, s := range []string{"", "abc", "日本語の名前", "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301", "/a/long/path/to/some/file"} {
		for width := 1; width < 30; width++ {
			for name, cut := range map[string]func(string, int) string{"cutEnd": cutEnd, "cutStart": cutStart} {
				if got := cut(s, width); Columns(got) > width {
					t.Errorf("%s(%q, %d) = %q has %d columns", name, s, width, got, Columns(got))
				}
			}
		}
	}
	if got := cutStart("/a/long/path/to/file", 10); got != "…h/to/file" {
		t.Errorf("cutStart = %q", got)
	}
}
