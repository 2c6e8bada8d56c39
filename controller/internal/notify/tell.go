package notify

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"borgfleet/controller/internal/store"
)

// Tell has an event wait for the channels that it goes to, in the commit of what it
// tells: a crash loses none, and invents none. An event that has no id gets one.
func Tell(tx *store.Tx, e Event) error {
	channels := Channels(tx.Rules(), e)
	if len(channels) == 0 {
		return nil
	}
	if e.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return fmt.Errorf("name an event: %w", err)
		}
		e.ID = id.String()
	}
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode event: %w", err)
	}
	for _, c := range channels {
		if err := tx.AddNotification(c, store.Notification{ID: e.ID, At: e.At.Time, Event: b}); err != nil {
			return err
		}
	}
	return nil
}

// IDOf makes an id of what an event is about, so that it has the same one when it is
// told again: hosts bring all that a controller which was restored from a backup does
// not know any more. The parts must tell the event from every other.
func IDOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	id := uuid.UUID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // version 8, RFC 9562: our own
	return id.String()
}

// Read gives a notification as it is told.
func Read(n store.Notification) (Event, error) {
	if n.LeftOut > 0 {
		return leftOut(n), nil
	}
	var e Event
	if err := json.Unmarshal(n.Event, &e); err != nil {
		return e, fmt.Errorf("read event %s: %w", n.ID, err)
	}
	e.ID, e.Sequence = n.ID, n.Sequence
	return e, nil
}

func leftOut(n store.Notification) Event {
	return Event{
		ID: n.ID, Sequence: n.Sequence, Event: LeftOut, At: *At(n.At), LeftOut: n.LeftOut,
		Title:   fmt.Sprintf("%d notifications left out", n.LeftOut),
		Message: fmt.Sprintf("%d notifications had no room here while this channel did not deliver. The fleet's history has what happened: borgfleet-controller jobs list, borgfleet-controller fleet hosts.", n.LeftOut),
	}
}
