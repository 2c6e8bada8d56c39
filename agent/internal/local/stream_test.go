package local

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"borgfleet/shared/job"
)

func TestLog(t *testing.T) {
	dir := newState(t)
	p := play(t, made(t, dir, keyA, 1, job.PhaseAccepted))
	var want []string
	for i := range 1500 { // several reads of the journal
		text := fmt.Sprintf("line %d %s", i+1, strings.Repeat("x", 200))
		want = append(want, text)
		p.say(text)
	}
	p.end(job.Completed, "")
	h := serve(t, dir, nil)
	for _, follow := range []bool{false, true} {
		for _, from := range []uint64{0, 1, 1490, 1501} {
			var got []string
			end, err := h.client.Log(t.Context(), keyA, LogRequest{From: from, Follow: follow}, func(ev Event) error {
				if ev.Line.Number != max(from, 1)+uint64(len(got)) {
					t.Fatalf("line %d is the %dth from %d on", ev.Line.Number, len(got), from)
				}
				got = append(got, ev.Line.Text)
				return nil
			})
			must(t, err)
			rest := want[max(from, 1)-1:]
			if end.Status != "completed" || len(got) != len(rest) || len(got) > 0 && got[0] != rest[0] {
				t.Errorf("follow %v from %d: %d lines, want %d; %s", follow, from, len(got), len(rest), end.Status)
			}
		}
	}
}

// What is written while somebody follows is heard, in order, up to the verdict
// and the end of the journal; no step here waits for time to pass.
func TestFollow(t *testing.T) {
	dir := newState(t)
	p := play(t, made(t, dir, keyA, 1, job.PhaseAccepted))
	p.say("before")
	h := serve(t, dir, nil)
	var lines, states []string
	end, err := h.client.Log(t.Context(), keyA, LogRequest{Follow: true, Progress: true}, func(ev Event) error {
		if ev.Job != nil {
			states = append(states, ev.Job.Status)
			if ev.Job.Status == "running" {
				p.say("last")
				p.end(job.CompletedWithWarnings, "2 warnings")
			}
			return nil
		}
		lines = append(lines, ev.Line.Text)
		switch ev.Line.Text {
		case "before":
			p.say("after")
		case "after":
			p.come(func(r *job.Register) { r.Phase = job.PhaseStarted })
		}
		return nil
	})
	must(t, err)
	if strings.Join(lines, " ") != "before after last" {
		t.Errorf("lines %q", lines)
	}
	if states[0] != "pending" || states[len(states)-1] != "completed_with_warnings" {
		t.Errorf("states %q", states)
	}
	if end.Status != "completed_with_warnings" || end.ErrorMessage != "2 warnings" {
		t.Errorf("end %+v", end)
	}
}

// A reader that stops reading holds up neither the job, nor another reader, nor
// the end of the daemon.
func TestSlowReader(t *testing.T) {
	const lines = 4000 // far more bytes than a socket takes
	dir := newState(t)
	stuck, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	t.Cleanup(func() { // runs when the server has ended
		close(release)
		if err := <-done; err == nil {
			t.Error("the slow reader was told that it had all of the log")
		}
	})
	p := play(t, made(t, dir, keyA, 1, job.PhaseAccepted))
	for range lines {
		p.say(strings.Repeat("x", 1000))
	}
	must(t, p.journal.Sync())
	h := serve(t, dir, nil)
	slow := NewClient(dir.Socket())
	t.Cleanup(slow.Close)
	go func() {
		_, err := slow.Log(context.Background(), keyA, LogRequest{Follow: true}, func(ev Event) error {
			if ev.Line.Number == 1 {
				close(stuck)
				<-release
			}
			return nil
		})
		done <- err
	}()
	<-stuck
	n := 0
	p.end(job.Completed, "")
	_, err := h.client.Log(t.Context(), keyA, LogRequest{Follow: true}, func(Event) error { n++; return nil })
	if err != nil || n != lines {
		t.Errorf("the other reader got %d lines, %v", n, err)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	dir := newState(t)
	p := play(t, made(t, dir, keyA, 1, job.PhaseAccepted))
	p.say("hello")
	h := serve(t, dir, nil)
	ctx, cancel := context.WithCancel(t.Context())
	reading, done := make(chan struct{}), make(chan struct{})
	for range mostStreams {
		go func() {
			defer func() { done <- struct{}{} }()
			h.client.Log(ctx, keyA, LogRequest{Follow: true}, func(Event) error { reading <- struct{}{}; return nil })
		}()
		<-reading
	}
	if _, err := h.client.Log(ctx, keyA, LogRequest{}, func(Event) error { return nil }); CodeOf(err) != Busy {
		t.Errorf("err %v", err)
	}
	cancel()
	for range mostStreams {
		<-done
	}
}

// A cut stream must not pass for a whole one.
func TestStreamThatIsCut(t *testing.T) {
	dir := newState(t)
	p := play(t, made(t, dir, keyA, 1, job.PhaseAccepted))
	p.say("hello")
	l, err := Listen(dir.Socket())
	must(t, err)
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.Read(make([]byte, 4096))
		c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n{\"line\":{\"number\":1}}\n"))
	}()
	client := NewClient(dir.Socket())
	defer client.Close()
	_, err = client.Log(t.Context(), keyA, LogRequest{Follow: true}, func(Event) error { return nil })
	if CodeOf(err) != NotRunning {
		t.Errorf("err %v", err)
	}
}
