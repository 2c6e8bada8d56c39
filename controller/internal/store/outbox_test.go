package store

import (
	"errors"
	"fmt"
	"testing"
)

func addChannel(t *testing.T, s *Store) (id int64) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		id = tx.NewChannelID()
		return tx.PutChannel(Channel{ID: id, Name: "ops", Type: "webhook", Target: "https://x", Sealed: []byte("s"), CreatedAt: t0, By: "ann"})
	})
	return id
}

func notifications(t *testing.T, s *Store, channel int64, from, to int) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		for i := from; i <= to; i++ {
			if err := tx.AddNotification(channel, Notification{ID: fmt.Sprint("e", i), At: t0, Event: []byte("{}")}); err != nil {
				return err
			}
		}
		return nil
	})
}

func waiting(t *testing.T, s *Store, channel int64, n int) []Notification {
	t.Helper()
	all, err := s.Waiting(channel, n)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func delivered(t *testing.T, s *Store, channel int64, last Notification) {
	t.Helper()
	update(t, s, func(tx *Tx) error { return tx.Delivered(channel, last, t0) })
}

// TestOutboxKeepsOrderOverRestarts: what waits has numbers without holes, and one that
// was delivered is neither there again nor is its number.
func TestOutboxKeepsOrderOverRestarts(t *testing.T) {
	s := open(t, t.TempDir())
	id := addChannel(t, s)
	notifications(t, s, id, 1, 3)
	select {
	case <-s.NotificationsWait():
	default:
		t.Error("nobody was told that something waits")
	}
	delivered(t, s, id, waiting(t, s, id, 2)[1])
	s = reopened(t, s)
	if all := waiting(t, s, id, 9); len(all) != 1 || all[0].Sequence != 3 || all[0].ID != "e3" {
		t.Fatalf("%+v", all)
	}
	delivered(t, s, id, waiting(t, s, id, 9)[0])
	s = reopened(t, s)
	notifications(t, s, id, 4, 4)
	if all := waiting(t, s, id, 9); len(all) != 1 || all[0].Sequence != 4 || all[0].ID != "e4" {
		t.Fatalf("%+v", all)
	}
	if box := s.Outbox(id); box.Waiting() != 1 || !box.DeliveredAt.Equal(t0) {
		t.Errorf("%+v", box)
	}
}

// TestOutboxCountsWhatHasNoRoom: nothing goes without a word, also what comes while
// the word is on its way.
func TestOutboxCountsWhatHasNoRoom(t *testing.T) {
	s := open(t, t.TempDir())
	id := addChannel(t, s)
	notifications(t, s, id, 1, MostWaiting+5)
	box := s.Outbox(id)
	if box.Waiting() != MostWaiting+1 || box.LeftOut != 5 || !box.Gap {
		t.Fatalf("%+v", box)
	}
	all := waiting(t, s, id, MostWaiting+1)
	gap := all[MostWaiting]
	if gap.LeftOut != 5 || gap.Event != nil {
		t.Fatalf("%+v", gap)
	}
	notifications(t, s, id, 2001, 2002) // while the gap is being told
	s = reopened(t, s)
	delivered(t, s, id, gap)
	all = waiting(t, s, id, 9)
	if len(all) != 1 || all[0].LeftOut != 2 || all[0].Sequence != gap.Sequence || all[0].ID == gap.ID {
		t.Fatalf("%+v", all)
	}
	notifications(t, s, id, 2003, 2003)
	delivered(t, s, id, all[0])
	all = waiting(t, s, id, 9)
	if len(all) != 1 || all[0].ID != "e2003" || all[0].LeftOut != 0 {
		t.Fatalf("%+v", all)
	}
	if box := s.Outbox(id); box.LeftOut != 7 {
		t.Errorf("%+v", box)
	}
}

// TestNotificationGoesWithItsUpdate: without the change there is no word of it.
func TestNotificationGoesWithItsUpdate(t *testing.T) {
	s := open(t, t.TempDir())
	id := addChannel(t, s)
	no := errors.New("no")
	err := s.Update(t.Context(), func(tx *Tx) error {
		if err := tx.AddNotification(id, Notification{ID: "e", At: t0}); err != nil {
			return err
		}
		return no
	})
	if !errors.Is(err, no) || s.Outbox(id).Waiting() != 0 {
		t.Errorf("%v, %+v", err, s.Outbox(id))
	}
}

func TestDeliveryFailedIsKept(t *testing.T) {
	s := open(t, t.TempDir())
	id := addChannel(t, s)
	notifications(t, s, id, 1, 1)
	update(t, s, func(tx *Tx) error { return tx.DeliveryFailed(id, "refused", t0) })
	update(t, s, func(tx *Tx) error { return tx.DeliveryFailed(id, "closed", t0.Add(5)) })
	s = reopened(t, s)
	if box := s.Outbox(id); box.Error != "closed" || !box.FailingSince.Equal(t0) || !box.FailedAt.Equal(t0.Add(5)) {
		t.Errorf("%+v", box)
	}
	delivered(t, s, id, waiting(t, s, id, 1)[0])
	if box := s.Outbox(id); box.Error != "" || !box.FailingSince.IsZero() {
		t.Errorf("%+v", box)
	}
}

func TestDeletedChannelLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	id := addChannel(t, s)
	notifications(t, s, id, 1, 3)
	gone := waiting(t, s, id, 1)[0]
	update(t, s, func(tx *Tx) error { return tx.DeleteChannel(id) })
	notifications(t, s, id, 4, 4)
	delivered(t, s, id, gone)
	update(t, s, func(tx *Tx) error { return tx.DeliveryFailed(id, "x", t0) })
	for e, err := range s.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		if p := e.Key[0]; p == channelPrefix || p == outboxPrefix || p == notificationPrefix {
			t.Errorf("%q is left", e.Key)
		}
	}
	if next := addChannel(t, s); next == id {
		t.Error("a channel has the id of another")
	}
}

func TestRulesAndConditionsStay(t *testing.T) {
	s := open(t, t.TempDir())
	c := Condition{What: "stale", Subject: "7", Since: t0, Count: 2, Message: "m", Agent: "a", Repository: 7, Stood: t0.Add(-1)}
	update(t, s, func(tx *Tx) error {
		if err := tx.PutCondition(c); err != nil {
			return err
		}
		return tx.PutRule(Rule{
			ID: tx.NewRuleID(), Name: "all", Enabled: true, Events: []string{"failure"}, Kinds: []string{"backup"}, Agents: []string{"a"},
			Labels: []string{"role=web"}, Repositories: []int64{7}, Channels: []int64{1}, CreatedAt: t0, By: "ann",
		})
	})
	before := s.Rules()
	s = reopened(t, s)
	if r := s.Rules(); len(r) != 1 || fmt.Sprint(r) != fmt.Sprint(before) {
		t.Errorf("%+v, want %+v", r, before)
	}
	if all := s.Conditions(); len(all) != 1 || all[0] != c {
		t.Errorf("%+v", all)
	}
	update(t, s, func(tx *Tx) error { return errors.Join(tx.DeleteCondition("stale", "7"), tx.DeleteRule(1)) })
	if len(s.Rules())+len(s.Conditions()) != 0 {
		t.Error("something is left")
	}
}
