package api_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/api"
)

func TestHTTPServerHasLimits(t *testing.T) {
	s := api.HTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, d := range map[string]time.Duration{
		"header": s.ReadHeaderTimeout, "read": s.ReadTimeout, "write": s.WriteTimeout, "idle": s.IdleTimeout,
	} {
		if d <= 0 || d > 5*time.Minute {
			t.Errorf("the %s timeout is %s", name, d)
		}
	}
	if s.WriteTimeout < 20*time.Second {
		t.Error("a cancel or an init, which wait for 10 s, could be cut")
	}
	if s.MaxHeaderBytes <= 0 {
		t.Error("headers have no limit")
	}
}

// raw sends text as it is and gives the answer to the first request.
func raw(t *testing.T, e *env, text string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", e.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go io.WriteString(conn, text) // the server may answer before it has read all
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestRawRequests(t *testing.T) {
	e := setup(t)
	head := "Host: h\r\nAuthorization: Bearer admin\r\n"
	start := "POST /api/backup/start HTTP/1.1\r\n" + head
	tests := []struct {
		name, text string
		status     int
	}{
		{"no body at all", start + "\r\n", 400},
		{"chunked", start + "Transfer-Encoding: chunked\r\n\r\n26\r\n{\"repository\":\"/local/backups/my-repo\"\r\n1\r\n}\r\n0\r\n\r\n", 200},
		{"chunked and too large", start + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat(" ", 65536)+"\r\n", 17), 413},
		{"said to be large", start + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 2<<20, strings.Repeat(" ", 2<<20)), 413},
		{"header too large", start + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", 431},
		{"absolute path", "GET http://other/healthz HTTP/1.1\r\n" + head + "\r\n", 200},
		{"star", "GET * HTTP/1.1\r\n" + head + "\r\n", 404},
		{"connect", "CONNECT h:1 HTTP/1.1\r\n" + head + "\r\n", 404},
		{"odd method", "BREW /healthz HTTP/1.1\r\n" + head + "\r\n", 405},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if resp := raw(t, e, tt.text); resp.StatusCode != tt.status {
				t.Errorf("status is %d, not %d", resp.StatusCode, tt.status)
			}
		})
	}
}

// TestPackedBodies: what is packed is refused as such, and never unpacked.
func TestPackedBodies(t *testing.T) {
	e := setup(t)
	const body = `{"repository":"/local/backups/my-repo"}`
	for packed, status := range map[string]int{"": 200, "identity": 200, "gzip": 400, "br": 400, "zstd": 400, "gzip, identity": 400, "deflate": 400} {
		head := "POST /api/backup/start HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer admin\r\n"
		if packed != "" {
			head += "Content-Encoding: " + packed + "\r\n"
		}
		resp := raw(t, e, head+fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body))
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status || status == 400 && !strings.Contains(string(text), "packed_body") {
			t.Errorf("%q: %d %s, %v", packed, resp.StatusCode, text, err)
		}
	}
}

// TestALoginIsLittle: strangers send it.
func TestALoginIsLittle(t *testing.T) {
	e := setup(t)
	body := `{"username":"admin","password":"` + strings.Repeat("x", 17<<10) + `"}`
	resp := raw(t, e, fmt.Sprintf("POST /api/auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status is %d", resp.StatusCode)
	}
	long := `{"username":"admin","password":"` + strings.Repeat(`\u0001`, 1024) + `"}`
	resp = raw(t, e, fmt.Sprintf("POST /api/auth/login HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", len(long), long))
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the longest password in its longest form: status is %d", resp.StatusCode)
	}
}
