package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"borgfleet/controller/internal/notify/deliver"
	"borgfleet/controller/internal/notify/ping"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/clock"
	"borgfleet/shared/secretfile"
)

// openPost makes what tells people. Its key lies beside the store, and is in no backup
// of it.
func openPost(o Options, st *store.Store) (*deliver.Post, error) {
	key, err := secretfile.LoadKey(filepath.Join(o.DataDir, "notify.key"), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key of the channels' settings: %w; without the file a new one is made, and the settings are given again", err)
	}
	return deliver.New(deliver.Options{Store: st, Key: deliver.Key(key), Logger: o.Logger, Now: clock.Now, LogShown: o.LogPolicy.Shows}), nil
}

// checkTime bounds a look at oneself.
const checkTime = 10 * time.Second

// pinger says to the world each minute that the controller can do its work: it can
// write its store, and both doors answer.
func pinger(o Options, st *store.Store, d *doors) *ping.Pinger {
	return ping.New(ping.Options{URL: o.PingURL, Logger: o.Logger, Now: clock.Now, Check: func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, checkTime)
		defer cancel()
		if err := st.Update(ctx, func(tx *store.Tx) error { return tx.NotePing(clock.Now()) }); err != nil {
			return err
		}
		if err := answers(ctx, d.apiURL()); err != nil {
			return fmt.Errorf("REST does not answer: %w", err)
		}
		return opens(ctx, d.agents.Addr().String())
	}})
}

// answers asks REST itself whether it is ready. It is our own door: whose name its
// certificate bears does not matter.
func answers(ctx context.Context, url string) error {
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", resp.Status)
	}
	return nil
}

// opens: the listener of the agents takes connections. It is TLS with certificates of
// both sides, which we are none of.
func opens(ctx context.Context, address string) error {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("the door of the agents does not open: %w", err)
	}
	return c.Close()
}
