package testenv

import (
	"crypto/tls"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"borgfleet/certs"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
)

// Thief speaks to the controller as whoever a TLS configuration makes it, over a
// connection of its own, and says what the test says.
type Thief struct {
	fleetv1connect.FleetServiceClient
	HTTP *http.Client
	URL  string
}

// Thief has stolen the host's certificate as it is now.
func (h *Host) Thief(o ...connect.ClientOption) (*Thief, error) {
	c, err := certs.LoadCredential(h.credential())
	if err != nil {
		return nil, err
	}
	return h.env.Thief(c.ClientTLS(time.Now), o...), nil
}

// Thief is somebody with this TLS configuration.
func (e *Env) Thief(conf *tls.Config, o ...connect.ClientOption) *Thief {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	t := &Thief{
		HTTP: &http.Client{Transport: &http.Transport{TLSClientConfig: conf, Protocols: protocols}},
		URL:  "https://" + e.Controller.agents,
	}
	t.FleetServiceClient = fleetv1connect.NewFleetServiceClient(t.HTTP, t.URL, o...)
	return t
}

// Close ends its connection.
func (t *Thief) Close() { t.HTTP.CloseIdleConnections() }
