package schedule

import (
	"errors"
	"net/url"
	"strings"
)

// MostPing is how long a ping URL may be.
const MostPing = 1000

var errPing = errors.New("it must be https://HOST/PATH, without a user and a #; {agent} and {repository} in its path become their names")

// CheckPing says what is wrong with a ping URL; empty is none.
func CheckPing(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(PingFor(text, "a", "r"))
	if err != nil || len(text) > MostPing || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(text, " \\\"") {
		return errPing
	}
	if host, _, _ := strings.Cut(strings.SplitN(text, "://", 2)[1], "/"); strings.Contains(host, "{") {
		return errPing
	}
	return nil
}

// PingFor is the URL that a host calls for a repository. One URL for many hosts would
// say that all is well when one of them is.
func PingFor(text, agent, repository string) string {
	return strings.NewReplacer("{agent}", url.PathEscape(agent), "{repository}", url.PathEscape(repository)).Replace(text)
}
