package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"borgfleet/scripts/testenv"
)

// timing is what wrk says.
type timing struct {
	p50, p99 time.Duration
	rate     float64 // answers a second
}

// wrk asks with so many clients at once. The token is in a file, since everybody
// sees arguments.
func (b *bench) wrk(env *testenv.Env, q question, clients int) (timing, error) {
	script := filepath.Join(env.Dir, "wrk.lua")
	if err := os.WriteFile(script, lua(env.API.Token, q.paths), 0o600); err != nil {
		return timing{}, err
	}
	defer os.Remove(script)
	// The first answer after a start is another figure than those that follow.
	if err := env.API.Get(q.paths[0], nil); err != nil {
		return timing{}, fmt.Errorf("%s: %w", q.name, err)
	}
	cmd := exec.CommandContext(b.ctx, "wrk", "-t1", "-c"+strconv.Itoa(clients), "-d"+seconds(b.each), "--timeout", "10s", "--latency", "-s", script, env.API.URL)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return timing{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	t, err := readTiming(string(out))
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", q.name, err, out)
	}
	return t, err
}

func seconds(d time.Duration) string { return fmt.Sprint(max(1, int(d.Seconds())), "s") }

func lua(token string, paths []string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "local headers = {[\"Authorization\"] = %q}\nlocal paths = {\n", "Bearer "+token)
	for _, p := range paths {
		fmt.Fprintf(&b, "%q,\n", p)
	}
	b.WriteString("}\nlocal i = 0\nrequest = function()\n  i = i % #paths + 1\n  return wrk.format(\"GET\", paths[i], headers)\nend\n")
	return b.Bytes()
}

// readTiming reads what wrk prints. Answers that are errors are no figures.
func readTiming(out string) (t timing, err error) {
	if strings.Contains(out, "Non-2xx") || strings.Contains(out, "Socket errors") {
		return t, errors.New("some answers were errors")
	}
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(out)
		if m == nil {
			err = errors.Join(err, fmt.Errorf("there is no %s in what wrk says", pattern))
			return "0"
		}
		return m[1]
	}
	t.p50, _ = time.ParseDuration(find(`(?m)^\s+50%\s+(\S+)`))
	t.p99, _ = time.ParseDuration(find(`(?m)^\s+99%\s+(\S+)`))
	t.rate, _ = strconv.ParseFloat(find(`Requests/sec:\s+(\S+)`), 64)
	return t, err
}

// ask measures all questions and prints them as a table.
func (b *bench) ask(env *testenv.Env, s size, all []question) error {
	head, rule := "| answer | p50 | p99 | 16 clients: a second | p99 |", "| --- | --- | --- | --- | --- |"
	if s.writing {
		head, rule = head+" while something writes: p50 | p99 | 16 clients: a second | p99 |", rule+" --- | --- | --- | --- |"
	}
	fmt.Fprintf(b.out, "%s\n%s\n", head, rule)
	for _, q := range all {
		if !b.wants(q) {
			continue
		}
		row, err := b.both(env, q)
		if err != nil {
			return err
		}
		if s.writing {
			more, err := b.whileWriting(env, q)
			if err != nil {
				return err
			}
			row += more
		}
		fmt.Fprintf(b.out, "| %s |%s\n", q.name, row)
	}
	return nil
}

// both asks with one client, then with 16.
func (b *bench) both(env *testenv.Env, q question) (string, error) {
	one, err := b.wrk(env, q, 1)
	if err != nil {
		return "", err
	}
	many, err := b.wrk(env, q, 16)
	return fmt.Sprintf(" %.2f ms | %.2f ms | %.0f | %.1f ms |", ms(one.p50), ms(one.p99), many.rate, ms(many.p99)), err
}

func (b *bench) whileWriting(env *testenv.Env, q question) (string, error) {
	w, err := b.startWriter(env)
	if err != nil {
		return "", err
	}
	row, err := b.both(env, q)
	return row, errors.Join(err, w.end())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
