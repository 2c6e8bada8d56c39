package browser

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// Page is one tab.
type Page struct {
	browser *Browser
	session string

	mu         sync.Mutex // guards complaints
	complaints []string
}

// View is how a page is looked at.
type View struct {
	Width, Height int
	Dark          bool
}

// Open opens a tab at url and hears all that the page complains of. All its
// requests, those to this machine included, go through the proxy at host:port.
func (b *Browser) Open(ctx context.Context, proxy, url string, v View) (*Page, error) {
	var own struct{ BrowserContextID string }
	if err := b.conn.call(ctx, "", "Target.createBrowserContext", map[string]any{"proxyServer": proxy, "proxyBypassList": "<-loopback>"}, &own); err != nil {
		return nil, err
	}
	var target struct{ TargetID string }
	if err := b.conn.call(ctx, "", "Target.createTarget", map[string]any{"url": "about:blank", "browserContextId": own.BrowserContextID}, &target); err != nil {
		return nil, err
	}
	var attached struct{ SessionID string }
	if err := b.conn.call(ctx, "", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached); err != nil {
		return nil, err
	}
	p := &Page{browser: b, session: attached.SessionID}
	b.conn.listen(p.hear)
	for _, domain := range []string{"Runtime.enable", "Log.enable", "Page.enable"} {
		if err := p.call(ctx, domain, nil, nil); err != nil {
			return nil, err
		}
	}
	if err := p.Show(ctx, v); err != nil {
		return nil, err
	}
	return p, p.call(ctx, "Page.navigate", map[string]any{"url": url}, nil)
}

// Show looks at the page in another way.
func (p *Page) Show(ctx context.Context, v View) error {
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	metrics := map[string]any{"width": v.Width, "height": v.Height, "deviceScaleFactor": 1, "mobile": v.Width < 600}
	if err := p.call(ctx, "Emulation.setDeviceMetricsOverride", metrics, nil); err != nil {
		return err
	}
	return p.call(ctx, "Emulation.setEmulatedMedia", map[string]any{
		"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}},
	}, nil)
}

func (p *Page) call(ctx context.Context, method string, params, result any) error {
	return p.browser.conn.call(ctx, p.session, method, params, result)
}

// hear notes errors, warnings and what the content policy refused.
func (p *Page) hear(session, method string, params json.RawMessage) {
	if session != p.session || !slices.Contains([]string{"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"}, method) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.complaints = append(p.complaints, method+" "+string(params))
}

// Complaints are the console's lines and the script's errors since the last call.
func (p *Page) Complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.complaints
	p.complaints = nil
	return out
}

// Eval evaluates an expression, awaits it, and decodes its value into out.
func (p *Page) Eval(ctx context.Context, expression string, out any) error {
	var answer struct {
		Result    struct{ Value json.RawMessage }
		Exception *struct {
			Exception struct{ Description string }
		} `json:"exceptionDetails"`
	}
	params := map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}
	if err := p.call(ctx, "Runtime.evaluate", params, &answer); err != nil {
		return err
	}
	if answer.Exception != nil {
		return fmt.Errorf("evaluate %s: %s", expression, answer.Exception.Exception.Description)
	}
	if out == nil || answer.Result.Value == nil {
		return nil
	}
	return json.Unmarshal(answer.Result.Value, out)
}

// Await waits until an expression is true. A page that is being loaded has
// nowhere to evaluate it yet: that is no end.
func (p *Page) Await(ctx context.Context, expression string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var ok bool
		err := p.Eval(ctx, "Boolean("+expression+")", &ok)
		if ok && err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s (last error: %w)", expression, err)
		}
	}
}

// Type presses the keys of a text, one after the other.
func (p *Page) Type(ctx context.Context, text string) error {
	for _, r := range text {
		if err := p.Press(ctx, string(r), string(r)); err != nil {
			return err
		}
	}
	return nil
}

// Press presses one key; text is what it writes, if anything.
func (p *Page) Press(ctx context.Context, key, text string) error {
	code := map[string]int{"Enter": 13, "Tab": 9, "Escape": 27, " ": 32}[key]
	down := map[string]any{"type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code}
	if err := p.call(ctx, "Input.dispatchKeyEvent", down, nil); err != nil {
		return err
	}
	return p.call(ctx, "Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "windowsVirtualKeyCode": code}, nil)
}

// Screenshot writes what is to be seen into a PNG file.
func (p *Page) Screenshot(ctx context.Context, file string) error {
	var shot struct{ Data string }
	if err := p.call(ctx, "Page.captureScreenshot", map[string]any{"format": "png"}, &shot); err != nil {
		return err
	}
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o600)
}
