package deliver

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// masked takes secrets out of a text that others made: an error names the address
// that was asked, and that can be as good as a password.
func (s Settings) masked(text string) string {
	text = address.ReplaceAllString(text, "$1/…")
	for _, secret := range s.secrets() {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return text
}

// address is one in a text, up to its path: libraries put the parts of a URL together
// anew, so that none of ours is found in it.
var address = regexp.MustCompile(`\b(https?://[^\s/?#"']+)[/?#][^\s"']*`)

// secrets are all that no one may see, the longest first.
func (s Settings) secrets() []string {
	all := []string{s.URL, s.Secret, s.Token, s.Password}
	if scheme, rest, ok := strings.Cut(strings.TrimPrefix(s.URL, "generic+"), "://"); ok {
		host, path, deep := strings.Cut(rest, "/")
		if deep && !strings.Contains(host, "@") && strings.HasPrefix(scheme, "http") {
			rest = path // that host is no secret; what stands for one in the URL of a service may be
		}
		all = append(all, "/"+rest)
		for _, part := range parts(rest) {
			all = append(all, part)
			if decoded, err := url.PathUnescape(part); err == nil {
				all = append(all, decoded)
			}
		}
	}
	all = slices.DeleteFunc(all, func(secret string) bool { return len(secret) < shortestSecret })
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// shortestSecret: what is shorter is none, and in every word.
const shortestSecret = 4

// parts are the pieces of an address, the bigger ones and those in them: a token may be
// several with dashes between them, and be sent with slashes.
func parts(rest string) (out []string) {
	for _, between := range []string{"/?&=", "/?&=:@", "/?&=:@-,."} {
		out = append(out, strings.FieldsFunc(rest, func(c rune) bool { return strings.ContainsRune(between, c) })...)
	}
	return out
}
