package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

var errEOF = io.EOF

// address is where host n comes from: one of loopback's own for each, as bounds of
// an address count in a real network. 127.0.0.0/16 is left to everybody else.
func address(n int) net.IP {
	n++
	return net.IPv4(127, byte(1+n>>16), byte(n>>8), byte(n))
}

// transport is the agent's: HTTP/2 and nothing else, over one connection.
func (f *fleet) transport(n int, conf *tls.Config, opened func(net.Conn)) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	dialer := &net.Dialer{Timeout: comeTimeout, LocalAddr: &net.TCPAddr{IP: address(n)}}
	return &http.Transport{
		TLSClientConfig: conf, TLSHandshakeTimeout: comeTimeout, Protocols: protocols,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, addr)
			if err == nil && opened != nil {
				opened(c)
			}
			return c, err
		},
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 30 * time.Second,
			MaxReceiveBufferPerConnection: 4 << 20, MaxReceiveBufferPerStream: 1 << 20,
		},
	}
}
