package term

import "testing"

func TestWhereBlocksAreShown(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{"LANG": "de_DE.UTF-8"}, true},
		{map[string]string{"LANG": "C", "LC_CTYPE": "C.utf8"}, true},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "C"}, false},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_CTYPE": "en_US.ISO-8859-1"}, false},
		{map[string]string{"LANG": "en_US.UTF-8", "TERM": "linux"}, false},
		{map[string]string{"LANG": "en_US.UTF-8", "TERM": "xterm-256color"}, true},
		{map[string]string{"LANG": "POSIX"}, false},
		{nil, false},
	} {
		if got := showsBlocks(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}

func TestBar(t *testing.T) {
	full, plain, pipe := Screen{Terminal: true, Blocks: true}, Screen{Terminal: true}, Screen{Blocks: true}
	for _, c := range []struct {
		s           Screen
		value, most int64
		want        string
	}{
		{full, 10, 10, "██████"},
		{full, 5, 10, "███"},
		{full, 1, 10, "▌"},
		{full, 1, 1 << 60, "▏"},
		{full, 20, 10, "██████"},
		{full, 0, 10, ""},
		{full, 0, 0, ""},
		{full, 1 << 62, 1 << 62, "██████"},
		{plain, 10, 10, "######"},
		{plain, 5, 10, "###"},
		{plain, 1, 100, "#"},
		{plain, 0, 100, ""},
		{pipe, 10, 10, ""},
	} {
		if got := c.s.Bar(c.value, c.most, 6); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.value, c.most, got, c.want)
		}
	}
}

func TestSpark(t *testing.T) {
	s := Screen{Terminal: true, Blocks: true}
	if got, want := s.Spark([]int64{0, 1, 50, 100, 80}), " ▁▅█▇"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := s.Spark([]int64{0, 0}); got != "  " {
		t.Errorf("nothing is %q", got)
	}
	for _, none := range []Screen{{Terminal: true}, {Blocks: true}} {
		if got := none.Spark([]int64{1, 2}); got != "" {
			t.Errorf("%+v shows %q", none, got)
		}
	}
	if got := s.Spark(nil); got != "" {
		t.Errorf("%q", got)
	}
}
