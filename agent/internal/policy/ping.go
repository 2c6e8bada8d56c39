package policy

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"borgfleet/shared/schedule"
	"borgfleet/shared/term"
)

// AddPing allows schedules to have this host call one more URL, or those that a
// pattern matches.
func (a *Allow) AddPing(pattern string) error {
	if err := checkPingPattern(pattern); err != nil {
		return err
	}
	if !slices.Contains(a.Ping, pattern) {
		a.Ping = append(a.Ping, pattern)
	}
	return nil
}

// AllowsPing says why this host does not call a URL; nil: it does. A controller must
// not have hosts ask whatever lies in their networks.
func (a Allow) AllowsPing(address, allowCommand string) error {
	if err := schedule.CheckPing(address); err != nil {
		return &Refusal{Rule: RuleForm, Message: "the ping URL: " + err.Error()}
	}
	if a.All {
		return nil
	}
	for _, p := range a.Ping {
		if matchesPing(p, address) {
			return nil
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return &Refusal{Rule: RuleForm, Message: "the ping URL cannot be read"}
	}
	origin := u.Scheme + "://" + u.Host
	return &Refusal{Rule: RulePing, Message: "calling " + origin, Command: allowCommand + " --ping " + term.Shell(origin+"/**")}
}

// checkPingPattern: scheme and host are what they are. Only in the path do * and **
// stand for others, so that no pattern matches more hosts than were meant.
func checkPingPattern(pattern string) error {
	head, _, ok := cutPing(pattern)
	if !ok || strings.ContainsAny(head, "*?{") || schedule.CheckPing(strings.ReplaceAll(pattern, "*", "x")) != nil {
		return fmt.Errorf("%q must be https://HOST/PATH; in the path * is any part of a name, and ** anything", pattern)
	}
	return nil
}

func matchesPing(pattern, address string) bool {
	head, tail, _ := cutPing(pattern)
	host, path, ok := cutPing(address)
	if !ok || !strings.EqualFold(head, host) || badSteps(path) {
		return false
	}
	expr := regexp.QuoteMeta(tail)
	expr = strings.ReplaceAll(expr, `\*\*`, `.*`)
	expr = strings.ReplaceAll(expr, `\*`, `[^/?]*`)
	re, err := regexp.Compile(`^(?s:` + expr + `)$`)
	return err == nil && re.MatchString(path)
}

// badSteps: a server may take /a/../b for /b.
func badSteps(path string) bool {
	plain, err := url.PathUnescape(path)
	return err != nil || slices.Contains(strings.FieldsFunc(plain, func(c rune) bool { return c == '/' || c == '\\' || c == '?' }), "..")
}

// cutPing cuts behind scheme and host.
func cutPing(address string) (head, path string, ok bool) {
	i := strings.Index(address, "://")
	if i < 0 {
		return "", "", false
	}
	rest := address[i+3:]
	j := strings.IndexAny(rest, "/?")
	if j < 0 {
		return address, "", true
	}
	return address[:i+3+j], rest[j:], true
}
