package deliver

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"borgfleet/controller/internal/notify"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

// subject is what people read first.
func subject(events []notify.Event) string {
	if len(events) == 1 {
		return "borgfleet: " + term.Clean(events[0].Title)
	}
	return fmt.Sprintf("borgfleet: %d notifications (%s), the first: %s", len(events), counted(events), term.Clean(events[0].Title))
}

// counted says how many there are of which kind, the most first.
func counted(events []notify.Event) string {
	by := byKind(events)
	var kinds []notify.Kind
	for _, e := range events {
		if !slices.Contains(kinds, e.Event) {
			kinds = append(kinds, e.Event)
		}
	}
	slices.SortStableFunc(kinds, func(a, b notify.Kind) int { return cmp.Compare(by[b], by[a]) })
	var words []string
	for _, k := range kinds {
		words = append(words, fmt.Sprintf("%d %s", by[k], k))
	}
	return strings.Join(words, ", ")
}

func byKind(events []notify.Event) map[notify.Kind]int {
	by := map[notify.Kind]int{}
	for _, e := range events {
		by[e.Event]++
	}
	return by
}

// body has all of it, the oldest first, in so many bytes at most. Where that is too
// little the reasons go first; and then it says how many it does not name, the rarest
// kinds before the others: a few hosts of a thousand tell that there was a power cut,
// and the one archive that is gone must not be among those that have no room.
func body(events []notify.Event, most int, shown logShown) string {
	text, whole := joined(events, most, "\n", shown.full)
	if !whole && len(events) > 1 {
		if text, whole = joined(events, most, "", short); !whole {
			text, _ = joined(rarestFirst(events), most, "", short)
		}
	}
	return text
}

func rarestFirst(events []notify.Event) []notify.Event {
	by := byKind(events)
	return slices.SortedStableFunc(slices.Values(events), func(a, b notify.Event) int { return cmp.Compare(by[a.Event], by[b.Event]) })
}

// logShown says whether the log of a job that ended so can be read.
type logShown func(status job.Status) bool

// full and short leave no word of others that could pass for an event of its own.
func (shown logShown) full(e notify.Event) string {
	text := short(e)
	if e.Message != "" {
		text += term.CleanRows(e.Message) + "\n"
	}
	if e.Job != nil && (shown == nil || shown(job.Status(e.Job.Status))) {
		text += fmt.Sprintf("Its log: borgfleet-controller jobs logs %d\n", e.Job.ID)
	}
	return text
}

func short(e notify.Event) string {
	return fmt.Sprintf("%s  %s: %s\n", e.At.UTC().Format("2006-01-02 15:04:05Z"), e.Event, term.Clean(e.Title))
}

// restRoom is kept for the word on what is not named.
const restRoom = 160

// joined says whether it is all of it.
func joined(events []notify.Event, most int, between string, say func(notify.Event) string) (text string, whole bool) {
	var b strings.Builder
	for i, e := range events {
		one := say(e)
		if i > 0 {
			one = between + one
		}
		if b.Len()+len(one) > most-restRoom {
			if i == 0 { // of one alone there is what fits
				b.WriteString(strings.ToValidUTF8(one[:most-restRoom], "") + "…\n")
				i++
			}
			if rest := len(events) - i; rest > 0 {
				fmt.Fprintf(&b, "and %d more, which have no room here. To see them: borgfleet-controller notifications status, jobs list, fleet hosts\n", rest)
			}
			return b.String(), false
		}
		b.WriteString(one)
	}
	return b.String(), true
}

// urgent says whether somebody should look.
func urgent(events []notify.Event) bool {
	for _, e := range events {
		switch e.Event {
		case notify.Success, notify.Recovered, notify.Warning, notify.Test:
		default:
			return true
		}
	}
	return false
}
