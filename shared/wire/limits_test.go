package wire

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// TestPackedAnswers: an answer that is packed is refused before it is unpacked, in
// one piece or in a stream, whether it says so or not.
func TestPackedAnswers(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 256 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Accept-Encoding") + " " + r.Header.Get("Connect-Accept-Encoding")
		_, _ = io.Copy(io.Discard, r.Body)
		h := w.Header()
		if r.URL.Path == fleetv1connect.FleetServiceHelloProcedure {
			h.Set("Content-Type", "application/proto")
			h.Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
			return
		}
		h.Set("Content-Type", "application/connect+proto")
		h.Set("Connect-Content-Encoding", "gzip")
		_, _ = w.Write(binary.BigEndian.AppendUint32([]byte{1}, uint32(bomb.Len())))
		_, _ = w.Write(bomb.Bytes())
	}))
	defer server.Close()
	client := fleetv1connect.NewFleetServiceClient(server.Client(), server.URL, Limits(8<<20)...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for name, call := range map[string]func() error{
		"one piece": func() error {
			_, err := client.Hello(context.Background(), &fleetv1.HelloRequest{})
			return err
		},
		"a stream": func() error {
			stream, err := client.Watch(context.Background(), &fleetv1.WatchRequest{})
			if err != nil {
				return err
			}
			defer stream.Close()
			for stream.Receive() {
				t.Error("a message was taken")
			}
			return stream.Err()
		},
	} {
		if err := call(); err == nil {
			t.Errorf("%s: it was taken", name)
		}
		if got := <-asked; got != "identity " {
			t.Errorf("%s: it was asked for %q", name, got)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 32<<20 {
		t.Errorf("%d MiB were taken for it", n>>20)
	}
}
