package fleet

import (
	"encoding/binary"
	"io"
	"net/http"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/shared/envelope"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// TestAMessageThatIsNotFinished ends its stream: its agent's pings are answered, and it
// would be online for ever without a word.
func TestAMessageThatIsNotFinished(t *testing.T) {
	r := newRig(t)
	r.s.set.MessageStall = 50 * time.Millisecond
	p := r.agent("web")
	p.hello("s")
	first, err := proto.Marshal(&fleetv1.ReportRequest{Epoch: p.epoch})
	must(t, err)
	body, say := io.Pipe()
	t.Cleanup(func() { say.Close() })
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+fleetv1connect.FleetServiceReportProcedure, body)
	must(t, err)
	req.Header.Set("Content-Type", envelope.ContentType)
	req.Header.Set("Connect-Protocol-Version", "1")
	go func() {
		prefix := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(first)))
		_, _ = say.Write(append(append(prefix, first...), 0, 0, 0)) // and the next one has begun
	}()
	answer := make(chan error, 1)
	go func() {
		resp, err := (&http.Client{Transport: p.http}).Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		answer <- err
	}()
	r.await("agent online", func() bool { return r.s.online(p.id) })
	select {
	case <-answer: // with an error or an end
	case <-time.After(10 * time.Second):
		t.Fatal("the stream goes on")
	}
	r.await("agent offline", func() bool { return !r.s.online(p.id) })
}
