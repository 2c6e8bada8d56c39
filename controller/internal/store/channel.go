package store

import (
	"time"

	"github.com/dgraph-io/badger/v4"

	storev1 "borgfleet/shared/proto/store/v1"
)

// Channel is a way by which people are told what happens.
type Channel struct {
	ID        int64
	Name      string
	Type      string
	Target    string // where it leads to, without what is secret
	Sealed    []byte // its settings; the key is not in the store
	CreatedAt time.Time
	By        string // who made it
}

// NewChannelID gives an id that no channel has had.
func (tx *Tx) NewChannelID() int64 {
	id := tx.s.next.channel
	tx.s.next.channel++
	tx.keep(tx.set([]byte(nextChannelKey), number(uint64(tx.s.next.channel))))
	return id
}

// PutChannel stores a channel, new or changed.
func (tx *Tx) PutChannel(c Channel) error {
	p := &storev1.Channel{
		Id: c.ID, Name: text(c.Name), Type: c.Type, Target: text(c.Target), Sealed: c.Sealed,
		CreatedAt: stamp(c.CreatedAt), By: text(c.By),
	}
	return putRecord(tx, idKey(channelPrefix, c.ID), p, channelsOf, c.ID, c)
}

// DeleteChannel removes a channel with all that waits for it.
func (tx *Tx) DeleteChannel(id int64) error {
	box, _ := tx.s.working.outboxes.get(id)
	for n := box.First; n < box.Next; n++ {
		if err := tx.del(notificationKey(id, n)); err != nil {
			return err
		}
	}
	if err := removeRecord(tx, idKey(outboxPrefix, id), outboxesOf, id); err != nil {
		return err
	}
	return removeRecord(tx, idKey(channelPrefix, id), channelsOf, id)
}

// Channel gives the channel with this id.
func (tx *Tx) Channel(id int64) (Channel, bool) { return tx.s.working.channels.get(id) }

// Channels gives all channels by id.
func (tx *Tx) Channels() []Channel { return sortedChannels(&tx.s.working) }

// Channel gives the channel with this id.
func (s *Store) Channel(id int64) (Channel, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.channels.get(id)
}

// Channels gives all channels by id.
func (s *Store) Channels() []Channel {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedChannels(&s.published)
}

func sortedChannels(st *state) []Channel {
	return st.channels.sorted(func(a, b *Channel) int { return int(a.ID - b.ID) })
}

func channelsOf(st *state) table[int64, Channel] { return st.channels }

func channelFromProto(p *storev1.Channel) Channel {
	return Channel{
		ID: p.Id, Name: p.Name, Type: p.Type, Target: p.Target, Sealed: p.Sealed,
		CreatedAt: instant(p.CreatedAt), By: p.By,
	}
}

func (s *Store) loadNotifications(txn *badger.Txn) error {
	return firstError(
		loadTable(txn, channelPrefix, func(p *storev1.Channel) {
			s.both(put(channelsOf, p.Id, channelFromProto(p)))
		}),
		loadTable(txn, rulePrefix, func(p *storev1.Rule) {
			s.both(put(rulesOf, p.Id, ruleFromProto(p)))
		}),
		loadTable(txn, outboxPrefix, func(p *storev1.Outbox) {
			s.both(put(outboxesOf, p.Channel, outboxFromProto(p)))
		}),
		loadTable(txn, conditionPrefix, func(p *storev1.Condition) {
			c := conditionFromProto(p)
			s.both(put(conditionsOf, c.id(), c))
		}),
	)
}
