package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"borgfleet/certs"
)

// TestFramesAreShort: the longest frame that an agent may send is kept in memory as
// long as its connection lives, at both ends, so the controller says early that it
// is short.
func TestFramesAreShort(t *testing.T) {
	ca, err := certs.CreateAuthority(filepath.Join(t.TempDir(), "ca"), time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := ca.ServerTLS(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := agentServer(http.NotFoundHandler(), conf, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- srv.ServeTLS(l, "", "") }()
	t.Cleanup(func() { srv.Close(); <-served })

	dialer := tls.Dialer{Config: certs.EnrollTLS(ca.RootFingerprint(), time.Now)}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := dialer.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const preface, settings, maxFrameSize = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 4, 5
	if _, err := io.WriteString(c, preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
		t.Fatal(err)
	}
	var head [9]byte
	if _, err := io.ReadFull(c, head[:]); err != nil || head[3] != settings {
		t.Fatalf("the first frame has type %d: %v", head[3], err)
	}
	body := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(c, body); err != nil {
		t.Fatal(err)
	}
	most := uint32(16 << 10) // unless something else is said
	for ; len(body) >= 6; body = body[6:] {
		if binary.BigEndian.Uint16(body) == maxFrameSize {
			most = binary.BigEndian.Uint32(body[2:])
		}
	}
	if most > 16<<10 {
		t.Errorf("a frame may have %d bytes", most)
	}
}
