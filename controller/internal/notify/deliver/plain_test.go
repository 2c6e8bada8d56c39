package deliver

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/fault"
)

// TestWordsForPeople: whoever tests a channel reads what to mend, and no library's words.
func TestWordsForPeople(t *testing.T) {
	o := newOffice(t, func(o *Options) { o.Timeout = 500 * time.Millisecond })
	hanging, open := newReceiver(t, hangs), httptest.NewServer(nil)
	defer open.Close()
	mail := newMailServer(t, NoTLS)
	for name, c := range map[string]struct {
		typ  string
		s    Settings
		want []string
	}{
		"hangs":         {Webhook, Settings{URL: hanging.URL + "/hook"}, []string{strings.TrimPrefix(hanging.URL, "http://") + " did not answer within 0.5 s"}},
		"plain HTTP":    {Webhook, Settings{URL: strings.Replace(open.URL, "http:", "https:", 1)}, []string{"does not speak TLS there", "http://"}},
		"mail, TLS":     {Mail, mail.settings(FullTLS), []string{"does not speak TLS there", "--tls starttls"}},
		"mail STARTTLS": {Mail, mail.settings(StartTLS), []string{"offers no STARTTLS", "--tls tls", "--tls none"}},
	} {
		tested, err := o.post.Test(t.Context(), o.channel(c.typ, c.s).ID, "ann")
		must(t, err)
		for _, want := range c.want {
			if tested.Delivered || !strings.Contains(tested.Answer, want) {
				t.Errorf("%s: %q is not in %q", name, want, tested.Answer)
			}
		}
	}
	err := Settings{URL: "pigeon://x"}.check(Shoutrrr)
	if text := fault.Of(err).Fields[0].Message; !strings.Contains(text, `knows no service "pigeon"`) || !strings.Contains(text, "slack://") {
		t.Error(text)
	}
}
