package api_test

import (
	"context"
	"sync"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/notify/deliver"
	"borgfleet/controller/internal/store"
)

// fakePost has the channel 7 and the rule 7, and delivers nothing.
type fakePost struct {
	mu       sync.Mutex
	settings deliver.Settings // guarded by mu
	rule     store.Rule       // guarded by mu
	foreign  bool             // settings: they cannot be opened
	tested   deliver.Tested
	lasts    []store.Condition
}

var _ api.Post = (*fakePost)(nil)

func newFakePost() *fakePost {
	return &fakePost{rule: store.Rule{ID: 7, Name: "web servers", Enabled: true, Events: []string{"failure"}, Channels: []int64{7}, CreatedAt: testNow()}}
}

func (p *fakePost) channel(name string) deliver.Channel {
	return deliver.Channel{Channel: store.Channel{ID: 7, Name: name, Type: deliver.Webhook, Target: "https://x/…", CreatedAt: testNow(), By: "ann"}}
}

func (p *fakePost) Channels() []deliver.Channel { return []deliver.Channel{p.channel("ops")} }

func (p *fakePost) Channel(id int64) (deliver.Channel, error) { return p.channel("ops"), p.is(id) }

func (p *fakePost) is(id int64) error {
	if id != 7 {
		return fault.New(fault.NotFound, "channel_not_found", "there is no channel %d", id)
	}
	return nil
}

func (p *fakePost) CreateChannel(_ context.Context, n deliver.NewChannel) (deliver.Channel, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settings = n.Settings
	return p.channel(n.Name), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", nil
}

func (p *fakePost) ChangeChannel(_ context.Context, id int64, change func(string, deliver.Settings) (string, deliver.Settings)) (deliver.Channel, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var name string
	name, p.settings = change("ops", p.settings)
	return p.channel(name), p.is(id)
}

func (p *fakePost) DeleteChannel(_ context.Context, id int64) error { return p.is(id) }

func (p *fakePost) Test(_ context.Context, id int64, _ string) (deliver.Tested, error) {
	return p.tested, p.is(id)
}

func (p *fakePost) Settings(id int64) (deliver.Settings, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settings, !p.foreign, p.is(id)
}

func (p *fakePost) Rules() []store.Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []store.Rule{p.rule}
}

func (p *fakePost) Rule(id int64) (store.Rule, error) { return p.Rules()[0], p.is(id) }

func (p *fakePost) CreateRule(_ context.Context, r store.Rule) (store.Rule, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r.ID, r.CreatedAt = 7, testNow()
	p.rule = r
	return r, nil
}

func (p *fakePost) ChangeRule(_ context.Context, id int64, change func(store.Rule) store.Rule) (store.Rule, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.is(id); err != nil {
		return store.Rule{}, err
	}
	p.rule = change(p.rule)
	return p.rule, nil
}

func (p *fakePost) DeleteRule(_ context.Context, id int64) error { return p.is(id) }

func (p *fakePost) Conditions() []store.Condition { return p.lasts }
