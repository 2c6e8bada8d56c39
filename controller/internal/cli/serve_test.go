package cli

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/retention"
)

func runServe(t *testing.T, args ...string) (int, string, *ServeOptions) {
	t.Helper()
	var got *ServeOptions
	var errs bytes.Buffer
	hooks := Hooks{Serve: func(_ context.Context, o ServeOptions) error { got = &o; return errors.New("stopped") }}
	code := Run(t.Context(), append([]string{"serve"}, args...), strings.NewReader(""), &bytes.Buffer{}, &errs, hooks)
	return code, errs.String(), got
}

func TestServe(t *testing.T) {
	code, errs, got := runServe(t, "--data-dir", "/x/./data")
	want := ServeOptions{
		DataDir: "/x/data", APIListen: "127.0.0.1:5000", AgentListen: ":5443", LogPolicy: "warnings", LogLevel: "info",
		StartDeadline: 24 * time.Hour, ContactLost: time.Minute, LostAfter: 24 * time.Hour,
		Keep: retention.Defaults(),
	}
	if code != 1 || errs != "borgfleet-controller: stopped\n" || got == nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%d %s %+v", code, errs, got)
	}
	_, _, got = runServe(t, "--trusted-proxy", "::ffff:127.0.0.1", "--trusted-proxy", "10.1.2.3/8", "--trusted-proxy", "fd00::1")
	var proxies []netip.Prefix
	for _, p := range []string{"127.0.0.1/32", "10.0.0.0/8", "fd00::1/128"} {
		proxies = append(proxies, netip.MustParsePrefix(p))
	}
	if got == nil || !reflect.DeepEqual(got.Proxies, proxies) {
		t.Errorf("proxies are %+v", got)
	}
	for _, good := range [][]string{
		{"--api-listen", "[::1]:5000"}, {"--api-listen", "localhost:0"}, {"--api-listen", ":5000", "--insecure-http"},
		{"--api-listen", ":5000", "--api-cert", "c", "--api-key", "k"}, {"--start-deadline", "2d"}, {"--contact-lost", "5m", "--lost-after", "2d"}, {"--agent-url", "https://h:5443"},
		{"--log-retention", "0", "--history-retention", "31d"}, {"--log-retention", "1h", "--log-retention-size", "1.5GB"},
		{"--history-retention", "0", "--log-retention", "2w", "--history-retention-jobs", "1000"}, {"--audit-retention", "0"},
	} {
		if code, errs, got := runServe(t, good...); code != 1 || got == nil {
			t.Errorf("%v: %d %s", good, code, errs)
		}
	}
}

func TestServeMistakes(t *testing.T) {
	for want, bad := range map[string][]string{
		"can be reached from other hosts": {"--api-listen", ":5000"},
		"accept with --insecure-http":     {"--api-listen", "backup:5000"},
		"write HOST:PORT":                 {"--agent-listen", "5443"},
		"belong together":                 {"--api-cert", "c"},
		"write https://HOST:PORT":         {"--agent-url", "http://h:5443"},
		"--log-policy is one of":          {"--log-policy", "some"},
		"--log-level is one of":           {"--log-level", "loud"},
		"--start-deadline":                {"--start-deadline", "1s"},
		"--contact-lost is between":       {"--contact-lost", "100ms"},
		"--lost-after is between":         {"--lost-after", "400d"},
		"--lost-after is shorter":         {"--lost-after", "1m", "--contact-lost", "2m"},
		"write an address such as":        {"--trusted-proxy", "127.0.0.1", "--trusted-proxy", "proxy"},
		"or a network such as":            {"--trusted-proxy", "10.0.0.0/33"},
		"one argument too many":           {"now"},
		"0 keeps for ever":                {"--log-retention", "for ever"},
		"--log-retention is an hour":      {"--log-retention", "10m"},
		"--history-retention is 31 days":  {"--history-retention", "30d", "--log-retention", "7d"},
		"--audit-retention is 31 days":    {"--audit-retention", "1d"},
		"a log goes with its job":         {"--history-retention", "60d", "--log-retention", "61d"},
		"is not a size such as":           {"--log-retention-size", "-1GB"},
		"--log-retention-size is 1.0 MB":  {"--log-retention-size", "10kB"},
		"is a number from 1000 on":        {"--history-retention-jobs", "999"},
	} {
		if code, errs, got := runServe(t, bad...); code != 2 || !strings.Contains(errs, want) || got != nil {
			t.Errorf("%v: %d %s", bad, code, errs)
		}
	}
}

func TestServeKeeps(t *testing.T) {
	_, _, got := runServe(t, "--log-retention", "12h", "--log-retention-size", "20GB", "--history-retention", "0", "--history-retention-jobs", "5000", "--audit-retention", "60d")
	want := retention.Policy{Logs: 12 * time.Hour, LogBytes: 20e9, Jobs: 5000, Audit: 60 * 24 * time.Hour}
	if got == nil || got.Keep != want {
		t.Errorf("kept are %+v", got)
	}
	if text := want.String(); text != "logs for 12h0m0s and at most 20000000000 bytes, history at most 5000 jobs, audit log for 60d" {
		t.Error(text)
	}
	if text := retention.Defaults().String(); text != "logs for 30d, history for 730d, audit log for 730d" {
		t.Error(text)
	}
}
