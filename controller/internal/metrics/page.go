package metrics

import (
	"bytes"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"borgfleet/controller/internal/fault"
)

// Page answers a scrape. If it fails, it has written nothing. Pages are made one
// after the other, whole, and then sent: however many are asked for and however
// slowly they are read, one at a time takes the memory that the making takes.
func (m *Metrics) Page(w http.ResponseWriter, r *http.Request) error {
	select {
	case <-m.turn:
	case <-r.Context().Done():
		return r.Context().Err()
	}
	made, err := m.make(r)
	m.turn <- struct{}{}
	if err != nil {
		return fault.Wrap(err, fault.Internal, "metrics_unreadable", "the metrics cannot be read; the controller's log says why")
	}
	for name, values := range made.header {
		w.Header()[name] = values
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(made.body.Bytes()) // who does not read it has gone
	return nil
}

func (m *Metrics) make(r *http.Request) (*page, error) {
	families, err := m.registry.Gather()
	if err != nil {
		return nil, err
	}
	out := &page{header: http.Header{}}
	read := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
	promhttp.HandlerFor(read, promhttp.HandlerOpts{
		AcceptedFormats:     []expfmt.Format{expfmt.NewFormat(expfmt.TypeTextPlain)},
		OfferedCompressions: []promhttp.Compression{promhttp.Identity, promhttp.Gzip},
	}).ServeHTTP(out, r)
	return out, nil
}

// page is an answer that is not sent yet.
type page struct {
	header http.Header
	body   bytes.Buffer
}

// Header is http.ResponseWriter's.
func (p *page) Header() http.Header { return p.header }

// Write is http.ResponseWriter's.
func (p *page) Write(b []byte) (int, error) { return p.body.Write(b) }

// WriteHeader is http.ResponseWriter's; what was read can be written.
func (p *page) WriteHeader(int) {}
