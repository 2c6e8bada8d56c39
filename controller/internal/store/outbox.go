package store

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	storev1 "borgfleet/shared/proto/store/v1"
)

// MostWaiting is how many notifications wait for one channel. What has no room is
// counted, and the count is told in its place.
const MostWaiting = 1000

// Outbox is where a channel stands: what is First or later and before Next waits.
type Outbox struct {
	Channel      int64
	First, Next  int64
	Gap          bool  // the last that waits counts what had no room
	LeftOut      int64 // all that had no room, since there is the channel
	DeliveredAt  time.Time
	FailingSince time.Time // zero: the last try went well
	FailedAt     time.Time
	Error        string
}

// Waiting is how many notifications are to be delivered.
func (o Outbox) Waiting() int64 { return o.Next - o.First }

// Notification is what waits to be delivered by one channel.
type Notification struct {
	Sequence int64  // of the channel, without holes
	ID       string // the same at each channel, and each time that it is delivered
	At       time.Time
	Event    []byte // as it is told; nil: of a gap
	LeftOut  int64  // how many had no room after the one before; 0: it is no gap
}

// AddNotification has n wait for a channel, in the commit of what it tells. The
// sequence is given here.
func (tx *Tx) AddNotification(channel int64, n Notification) error {
	if _, ok := tx.Channel(channel); !ok {
		return nil
	}
	box := tx.outbox(channel)
	if box.Waiting() >= MostWaiting {
		return tx.leaveOut(box, n)
	}
	n.Sequence, box.Gap = box.Next, false
	box.Next++
	return tx.putNotification(box, n)
}

// leaveOut counts n in the gap that is the last to wait.
func (tx *Tx) leaveOut(box Outbox, n Notification) error {
	gap := Notification{Sequence: box.Next, ID: n.ID, At: n.At}
	if box.Gap {
		var err error
		if gap, err = tx.notification(box.Channel, box.Next-1); err != nil {
			return err
		}
	} else {
		box.Next++
	}
	gap.LeftOut++
	box.Gap = true
	box.LeftOut++
	return tx.putNotification(box, gap)
}

func (tx *Tx) putNotification(box Outbox, n Notification) error {
	b, err := proto.Marshal(&storev1.Notification{
		Sequence: n.Sequence, Id: n.ID, At: stamp(n.At), Event: n.Event, LeftOut: n.LeftOut,
	})
	if err != nil {
		return fmt.Errorf("encode notification: %w", err)
	}
	if err := tx.set(notificationKey(box.Channel, n.Sequence), b); err != nil {
		return err
	}
	tx.OnCommit(tx.s.wakeDelivery)
	return tx.putOutbox(box)
}

// wakeDelivery is here so that nobody who tells something can forget it.
func (s *Store) wakeDelivery() {
	select {
	case s.waiting <- struct{}{}:
	default:
	}
}

// NotificationsWait gives a sign when something new waits to be delivered. There is
// one who takes it.
func (s *Store) NotificationsWait() <-chan struct{} { return s.waiting }

// Delivered takes away what a channel has delivered: all up to last. A gap that has
// grown meanwhile stays, with what it has not told.
func (tx *Tx) Delivered(channel int64, last Notification, at time.Time) error {
	box, ok := tx.s.working.outboxes.get(channel)
	if !ok || last.Sequence < box.First || last.Sequence >= box.Next {
		return nil // the channel went meanwhile
	}
	box.DeliveredAt, box.FailingSince, box.FailedAt, box.Error = at, time.Time{}, time.Time{}, ""
	for ; box.First < last.Sequence; box.First++ {
		if err := tx.del(notificationKey(channel, box.First)); err != nil {
			return err
		}
	}
	if last.LeftOut > 0 {
		now, err := tx.notification(channel, last.Sequence)
		if err != nil {
			return err
		}
		if now.LeftOut > last.LeftOut {
			now.LeftOut -= last.LeftOut
			now.ID = fmt.Sprintf("%s-%d", last.ID, last.LeftOut) // another message than the one that was told
			return tx.putNotification(box, now)
		}
		box.Gap = false
	}
	box.First++
	if err := tx.del(notificationKey(channel, last.Sequence)); err != nil {
		return err
	}
	return tx.putOutbox(box)
}

// DeliveryFailed notes that a channel could not deliver, and why.
func (tx *Tx) DeliveryFailed(channel int64, why string, at time.Time) error {
	if _, ok := tx.Channel(channel); !ok {
		return nil // it went meanwhile
	}
	box := tx.outbox(channel)
	if box.FailingSince.IsZero() {
		box.FailingSince = at
	}
	box.FailedAt, box.Error = at, why
	return tx.putOutbox(box)
}

// DeliveryUntried forgets a failure: it was that of other settings.
func (tx *Tx) DeliveryUntried(channel int64) error {
	box, ok := tx.s.working.outboxes.get(channel)
	if !ok || box.FailingSince.IsZero() {
		return nil
	}
	box.FailingSince, box.FailedAt, box.Error = time.Time{}, time.Time{}, ""
	return tx.putOutbox(box)
}

func (tx *Tx) outbox(channel int64) Outbox {
	box, ok := tx.s.working.outboxes.get(channel)
	if !ok {
		box = Outbox{Channel: channel, First: 1, Next: 1}
	}
	return box
}

func (tx *Tx) putOutbox(o Outbox) error {
	p := &storev1.Outbox{
		Channel: o.Channel, First: o.First, Next: o.Next, Gap: o.Gap, LeftOut: o.LeftOut, DeliveredAt: stamp(o.DeliveredAt),
		FailingSince: stamp(o.FailingSince), FailedAt: stamp(o.FailedAt), Error: text(o.Error),
	}
	return putRecord(tx, idKey(outboxPrefix, o.Channel), p, outboxesOf, o.Channel, o)
}

func (tx *Tx) notification(channel, sequence int64) (Notification, error) {
	b, ok, err := tx.get(notificationKey(channel, sequence))
	if err != nil {
		return Notification{}, err
	}
	return decodeNotification(b, ok)
}

// Outbox says how a channel stands.
func (s *Store) Outbox(channel int64) Outbox {
	s.mu.RLock()
	defer s.mu.RUnlock()
	box, _ := s.published.outboxes.get(channel)
	return box
}

// Waiting gives what is the next to be delivered by a channel, n at most, in order.
func (s *Store) Waiting(channel int64, n int) ([]Notification, error) {
	box := s.Outbox(channel)
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	var out []Notification
	for at := box.First; at < box.Next && len(out) < n; at++ {
		b, ok, err := get(txn, notificationKey(channel, at))
		if err != nil {
			return nil, err
		}
		one, err := decodeNotification(b, ok)
		if err != nil {
			return nil, fmt.Errorf("notification %d of channel %d: %w", at, channel, err)
		}
		out = append(out, one)
	}
	return out, nil
}

func decodeNotification(b []byte, ok bool) (Notification, error) {
	var p storev1.Notification
	if !ok {
		return Notification{}, fmt.Errorf("it is not there: %w", errEntry)
	}
	if err := proto.Unmarshal(b, &p); err != nil {
		return Notification{}, fmt.Errorf("read notification: %w", err)
	}
	return Notification{Sequence: p.Sequence, ID: p.Id, At: instant(p.At), Event: p.Event, LeftOut: p.LeftOut}, nil
}

func outboxesOf(st *state) table[int64, Outbox] { return st.outboxes }

func outboxFromProto(p *storev1.Outbox) Outbox {
	return Outbox{
		Channel: p.Channel, First: p.First, Next: p.Next, Gap: p.Gap, LeftOut: p.LeftOut, DeliveredAt: instant(p.DeliveredAt),
		FailingSince: instant(p.FailingSince), FailedAt: instant(p.FailedAt), Error: p.Error,
	}
}
