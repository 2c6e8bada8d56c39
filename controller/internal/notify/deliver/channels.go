package deliver

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
)

// MostChannels bounds what can wait.
const MostChannels = 50

// Channel is one as people see it.
type Channel struct {
	store.Channel
	store.Outbox
	Tally
	NextTry time.Time // zero: none is put off
	Oldest  time.Time // when the first that waits happened; zero: none waits
}

// Channels gives all channels by id.
func (p *Post) Channels() []Channel {
	var out []Channel
	for _, c := range p.Store.Channels() {
		out = append(out, p.view(c))
	}
	return out
}

// Channel gives one.
func (p *Post) Channel(id int64) (Channel, error) {
	c, ok := p.Store.Channel(id)
	if !ok {
		return Channel{}, noSuchChannel(id)
	}
	return p.view(c), nil
}

func (p *Post) view(c store.Channel) Channel {
	v := Channel{Channel: c, Outbox: p.Store.Outbox(c.ID)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.lines[c.ID]; r != nil {
		v.NextTry, v.Oldest = r.times()
	}
	if t := p.tallies[c.ID]; t != nil {
		v.Tally = *t
	}
	return v
}

func noSuchChannel(id int64) error {
	return fault.New(fault.NotFound, "channel_not_found", "there is no channel %d", id)
}

// NewChannel is what is asked for.
type NewChannel struct {
	Name, Type string
	Settings   Settings
	By         string
}

// CreateChannel makes a channel. A webhook's secret that was made for it is told here
// and never again.
func (p *Post) CreateChannel(ctx context.Context, n NewChannel) (c Channel, secret string, err error) {
	if n.Type == Webhook && n.Settings.Secret == "" {
		if secret, err = p.newSecret(); err != nil {
			return c, "", err
		}
		n.Settings.Secret = secret
	}
	n.Settings = n.Settings.withDefaults(n.Type)
	if err := n.Settings.check(n.Type); err != nil {
		return c, "", err
	}
	var made store.Channel
	err = p.Store.Update(ctx, func(tx *store.Tx) error {
		if len(tx.Channels()) >= MostChannels {
			return fault.New(fault.Conflict, "too_many_channels", "there are %d channels, which is the most", MostChannels)
		}
		if err := freeName(tx, n.Name, 0); err != nil {
			return err
		}
		made = store.Channel{
			ID: tx.NewChannelID(), Name: n.Name, Type: n.Type, Target: n.Settings.target(n.Type), CreatedAt: p.Now().UTC(), By: n.By,
		}
		var err error
		if made.Sealed, err = p.Key.seal(p.Rand, made.ID, made.Type, n.Settings); err != nil {
			return err
		}
		tx.About(channelName(made.ID), made.Name+": "+made.Target)
		return tx.PutChannel(made)
	})
	if err != nil {
		return c, "", err
	}
	signal(p.changed)
	return p.view(made), secret, nil
}

func (p *Post) newSecret() (string, error) {
	raw := make([]byte, 32)
	if _, err := io.ReadFull(p.Rand, raw); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(raw), nil
}

func channelName(id int64) string { return fmt.Sprintf("channel/%d", id) }

func freeName(tx *store.Tx, name string, but int64) error {
	for _, c := range tx.Channels() {
		if c.Name == name && c.ID != but {
			return fault.New(fault.Conflict, "name_taken", "channel %d has this name", c.ID)
		}
	}
	return nil
}

// ChangeChannel changes a channel by change, which is given how it is. Where the
// settings cannot be opened any more it begins with none.
func (p *Post) ChangeChannel(ctx context.Context, id int64, change func(name string, s Settings) (string, Settings)) (Channel, error) {
	var changed store.Channel
	err := p.Store.Update(ctx, func(tx *store.Tx) error {
		c, ok := tx.Channel(id)
		if !ok {
			return noSuchChannel(id)
		}
		old, _ := p.Key.open(c.ID, c.Type, c.Sealed)
		name, s := change(c.Name, old)
		s = s.withDefaults(c.Type)
		if err := s.check(c.Type); err != nil {
			return err
		}
		if err := freeName(tx, name, c.ID); err != nil {
			return err
		}
		c.Name, c.Target = name, s.target(c.Type)
		var err error
		if c.Sealed, err = p.Key.seal(p.Rand, c.ID, c.Type, s); err != nil {
			return err
		}
		changed = c
		if err := tx.DeliveryUntried(c.ID); err != nil {
			return err
		}
		tx.About(channelName(c.ID), c.Name+": "+c.Target)
		return tx.PutChannel(c)
	})
	if err != nil {
		return Channel{}, err
	}
	signal(p.changed)
	return p.view(changed), nil
}

// Settings gives a channel's settings, for those who may change them. They are not
// readable if they were sealed with another key than this controller's.
func (p *Post) Settings(id int64) (s Settings, readable bool, err error) {
	c, ok := p.Store.Channel(id)
	if !ok {
		return s, false, noSuchChannel(id)
	}
	s, err = p.Key.open(c.ID, c.Type, c.Sealed)
	if errors.Is(err, errNotOurs) {
		return Settings{}, false, nil
	}
	return s, err == nil, err
}

// Secrets are the settings that are never told, by name; empty: not set.
func (s Settings) Secrets() map[string]string {
	return map[string]string{"url": s.URL, "secret": s.Secret, "token": s.Token, "password": s.Password}
}

// DeleteChannel removes a channel that no rule names, and what waits for it.
func (p *Post) DeleteChannel(ctx context.Context, id int64) error {
	err := p.Store.Update(ctx, func(tx *store.Tx) error {
		c, ok := tx.Channel(id)
		if !ok {
			return noSuchChannel(id)
		}
		for _, r := range tx.Rules() {
			if slices.Contains(r.Channels, id) {
				return fault.New(fault.Conflict, "channel_in_use", "the rule %d (%s) names this channel; change or delete it first", r.ID, r.Name)
			}
		}
		tx.About(channelName(id), c.Name+": "+c.Target)
		return tx.DeleteChannel(id)
	})
	if err == nil {
		signal(p.changed)
	}
	return err
}

// Tested is what came of a test.
type Tested struct {
	Delivered bool
	Answer    string // of the receiver, or why there is none
}

// Test sends a real message now, past what waits. If it goes well, what waits is
// tried again at once.
func (p *Post) Test(ctx context.Context, id int64, by string) (Tested, error) {
	c, ok := p.Store.Channel(id)
	if !ok {
		return Tested{}, noSuchChannel(id)
	}
	e := notify.Event{
		ID: "test-" + strings.TrimPrefix(channelName(id), "channel/") + "-" + fmt.Sprint(p.Now().UnixNano()), Event: notify.Test, At: *notify.At(p.Now()),
		Title: "this is a test", Message: fmt.Sprintf("%s has tested the channel %s. It works.", by, c.Name),
	}
	answer, err := p.line(c).carry(ctx, []notify.Event{e})
	if err != nil {
		if ctx.Err() != nil {
			return Tested{}, fmt.Errorf("test channel %d: %w", id, ctx.Err())
		}
		return Tested{Answer: cut(err.Error())}, nil
	}
	p.mu.Lock()
	if r := p.lines[id]; r != nil {
		signal(r.kick)
	}
	p.mu.Unlock()
	return Tested{Delivered: true, Answer: cut(answer)}, nil
}
