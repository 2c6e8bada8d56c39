package deliver

import (
	"strings"
	"testing"
	"time"
)

// TestMasked: services put the parts of their URLs together anew, and name them in
// their errors.
func TestMasked(t *testing.T) {
	for name, c := range map[string]struct {
		s          Settings
		text, want string
	}{
		"path":     {Settings{URL: "https://hooks.example.org/in/T0PSECRET"}, `Post "https://hooks.example.org/in/T0PSECRET": EOF`, `Post "https://hooks.example.org/…": EOF`},
		"slack":    {Settings{URL: "slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPak@webhook"}, `post "https://hooks.slack.com/services/WNA3PBYV6/F20DUQND3RQ/Webc4MAvoacrpPak": refused`, `post "https://…s.slack.com/…": refused`},
		"parts":    {Settings{URL: "slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPak@webhook"}, `bad token WNA3PBYV6/F20DUQND3RQ`, `bad token …/…`},
		"telegram": {Settings{URL: "telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs@telegram?chats=@x"}, `Get "https://api.telegram.org/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs/getMe": EOF`, `Get "https://api.….org/…": EOF`},
		"host":     {Settings{URL: "pushover://shoutrrr:apiTokenX@userKeyX/"}, `user userKeyX is not known to apiTokenX`, `user … is not known to …`},
		"encoded":  {Settings{URL: "matrix://bot:p%40ss%2Fword@host.example.org/"}, `no log-in with p@ss/word`, `no log-in with …`},
		"token":    {Settings{URL: "https://ntfy.example.org/x", Token: "tk_secret"}, `Bearer tk_secret is wrong`, `Bearer … is wrong`},
		"nothing":  {Settings{URL: "https://hooks.example.org/in"}, `dial tcp: lookup hooks.example.org: no such host`, `dial tcp: lookup hooks.example.org: no such host`},
	} {
		if got := c.s.masked(c.text); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if cut := cut(strings.Repeat("é", mostError)); strings.Contains(cut, "\uFFFD") || !strings.HasSuffix(cut, "é…") {
		t.Errorf("cut in the middle: %q", cut[len(cut)-10:])
	}
}

// TestStuckService: one that never comes back is given up, a few times, and is counted
// out when it does.
func TestStuckService(t *testing.T) {
	s := &service{}
	now := time.Now()
	is := func(what string, err error, bad bool) {
		t.Helper()
		if (err != nil) != bad {
			t.Errorf("%s: %v", what, err)
		}
	}
	is("the first", s.begin(now), false)
	is("beside it", s.begin(now.Add(stuckAfter-1)), true)
	var began []time.Time
	for i := range mostLost {
		at := now.Add(time.Duration(i+1) * stuckAfter)
		is("after it", s.begin(at), false)
		began = append(began, at)
	}
	late := now.Add(100 * stuckAfter)
	is("too many", s.begin(late), true)
	s.ended(now)
	is("one has come back", s.begin(late), false)
	s.ended(late)
	is("the newest has", s.begin(late.Add(1)), false)
	s.ended(late.Add(1))
	for _, at := range began {
		s.ended(at)
	}
	if s.lost != 0 || !s.since.IsZero() {
		t.Errorf("%d lost", s.lost)
	}
}
