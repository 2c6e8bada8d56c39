package job

import (
	"strings"
	"testing"
)

func TestKeep(t *testing.T) {
	for _, tt := range []struct {
		keep Keep
		want string // part of what is wrong; empty: nothing
	}{
		{Keep{}, "everything would go"},
		{Keep{Daily: 1}, ""},
		{Keep{Yearly: MostKeep}, ""},
		{Keep{Yearly: MostKeep + 1}, "keep_yearly must be"},
		{Keep{Daily: 7, Hourly: -1}, "keep_hourly must be"},
		{Keep{Within: "48H"}, ""},
		{Keep{Within: "1000y"}, ""},
		{Keep{Within: "1001y"}, "keep_within"},
		{Keep{Daily: 1, Within: "0d"}, "keep_within"},
		{Keep{Within: "d"}, "keep_within"},
		{Keep{Within: "3M"}, "keep_within"},
		{Keep{Within: "-3d"}, "keep_within"},
		{Keep{Within: "3 d"}, "keep_within"},
		{Keep{Within: "99999999999999999999d"}, "keep_within"},
	} {
		err := tt.keep.Check()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.keep, err, tt.want)
		}
	}
	if got := (Keep{Daily: 7, Within: "2w"}).String(); got != "keep_daily 7, keep_within 2w" {
		t.Error(got)
	}
}

func TestArchivePattern(t *testing.T) {
	const now = "????-??-??T??:??:??.???*"
	for _, c := range []struct {
		def  Repository
		want string
	}{
		{Repository{Name: "home"}, "web-1-home-" + now},
		{Repository{Name: "my [old] home"}, "web-1-my--old--home-" + now},
		{Repository{Name: "home", ArchiveNameFormat: "{repository}.{job}"}, "home.????????-????-????-????-????????????*"},
		{Repository{Name: "home", ArchiveNameFormat: "{now}", MatchArchives: "plan-*"}, "plan-*"},
	} {
		if got := ArchivePattern(c.def, "web-1"); got != c.want {
			t.Errorf("%+v: %q, not %q", c.def, got, c.want)
		}
	}
}
