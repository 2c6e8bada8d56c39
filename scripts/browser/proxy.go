package browser

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Proxy lets requests to one host through and remembers all that were made.
type Proxy struct {
	server *httptest.Server
	host   string

	mu    sync.Mutex     // guards asked
	asked map[string]int // by host
}

// NewProxy makes a proxy that leads to host alone.
func NewProxy(host string) *Proxy {
	p := &Proxy{host: host, asked: map[string]int{}}
	p.server = httptest.NewServer(http.HandlerFunc(p.forward))
	return p
}

// Addr is its host:port.
func (p *Proxy) Addr() string { return p.server.Listener.Addr().String() }

// Asked counts the requests for each host.
func (p *Proxy) Asked() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := map[string]int{}
	for host, n := range p.asked {
		out[host] = n
	}
	return out
}

// Close ends it.
func (p *Proxy) Close() { p.server.CloseClientConnections(); p.server.Close() }

func (p *Proxy) forward(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked[r.Host]++
	p.mu.Unlock()
	if r.Host != p.host || r.Method == http.MethodConnect {
		http.Error(w, "this host was not to be asked", http.StatusForbidden)
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI = ""
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	for key, values := range resp.Header {
		w.Header()[key] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body) // a browser that has gone sees no error of ours
}
