package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSocketIsClosedToOthersAndGoesAway(t *testing.T) {
	dir := newState(t)
	must(t, os.WriteFile(dir.Socket(), []byte("left by a crash"), 0o600))
	l, err := Listen(dir.Socket())
	must(t, err)
	info, err := os.Stat(dir.Socket())
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket has mode %v", info.Mode())
	}
	must(t, l.Close())
	if _, err := os.Stat(dir.Socket()); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
}

func TestSocketWithLongPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("long", 30))
	must(t, os.Mkdir(path, 0o700))
	l, err := Listen(filepath.Join(path, "agent.sock"))
	must(t, err)
	go l.Close()
	_, err = NewClient(filepath.Join(path, "agent.sock")).Status(t.Context())
	if err == nil || strings.Contains(err.Error(), "invalid argument") {
		t.Errorf("err %v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	dir := newState(t)
	_, err := NewClient(dir.Socket()).Status(t.Context())
	if CodeOf(err) != NotRunning || !strings.Contains(fmt.Sprint(err), "borgfleet-agent run --state-dir "+dir.Path()) {
		t.Errorf("no socket: %v", err)
	}
	l, err := Listen(dir.Socket())
	must(t, err)
	l.(*listener).UnixListener.Close() // as after a crash: the socket stays
	if _, err := NewClient(dir.Socket()).Status(t.Context()); CodeOf(err) != NotRunning {
		t.Errorf("dead socket: %v", err)
	}
}

// The tests run as one account, so the rule is turned around: who is not root
// needs Peer's yes.
func TestPeer(t *testing.T) {
	var asked []uint32
	h := serve(t, newState(t), func(o *Options) {
		o.Peer = func(uid uint32) bool { asked = append(asked, uid); return false }
	})
	_, err := h.client.Status(t.Context())
	if os.Getuid() == 0 {
		if err != nil || len(asked) != 0 {
			t.Errorf("root: %v, asked %v", err, asked)
		}
		return
	}
	if CodeOf(err) != Forbidden || len(asked) != 1 || asked[0] != uint32(os.Getuid()) {
		t.Errorf("%v, asked %v", err, asked)
	}
}
