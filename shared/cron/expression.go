package cron

import (
	"fmt"
	"strings"
	"time"
)

// Expression says at which local times something is due. Its zero value is never.
type Expression struct {
	text                                   string
	minutes, hours, days, months, weekdays set
}

// mostText bounds an expression: longer ones name nothing that shorter ones do not.
const mostText = 1000

func words() map[string]string {
	return map[string]string{
		"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
		"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
	}
}

// Parse reads an expression. Its error is an *Error.
func Parse(text string) (Expression, error) {
	whole := func(why string, args ...any) (Expression, error) {
		return Expression{}, &Error{Text: text, Why: fmt.Sprintf(why, args...)}
	}
	if len(text) > mostText {
		return whole("it has %d characters, and at most %d are taken", len(text), mostText)
	}
	spelt := text
	if word := strings.TrimSpace(text); strings.HasPrefix(word, "@") {
		var known bool
		if spelt, known = words()[strings.ToLower(word)]; !known {
			return whole("the words are @hourly, @daily, @weekly, @monthly and @yearly, and %q is none of them", word)
		}
	}
	e := Expression{text: strings.Join(strings.Fields(text), " ")}
	parts, at := split(spelt)
	if len(parts) != len(fields()) {
		has, hint := fmt.Sprintf("%d fields", len(parts)), ""
		switch len(parts) {
		case 1:
			has = "one field"
		case 6:
			hint = "; seconds are none of them"
		}
		return whole("it has %s, and five are needed: minute, hour, day of month, month, day of week%s", has, hint)
	}
	for i, to := range []*set{&e.minutes, &e.hours, &e.days, &e.months, &e.weekdays} {
		s, err := fields()[i].parse(parts[i], at[i])
		if err != nil {
			return Expression{}, err
		}
		*to = s
	}
	if !e.possible() {
		return Expression{}, &Error{At: at[2], Field: "day of month", Text: parts[2], Why: "none of these months has such a day, so it would never be due"}
	}
	return e, nil
}

// split gives the fields, and where each begins.
func split(text string) (parts []string, at []int) {
	rest, begin := text, 0
	for {
		trimmed := strings.TrimLeft(rest, " \t")
		begin += len(rest) - len(trimmed)
		if trimmed == "" {
			return parts, at
		}
		end := strings.IndexAny(trimmed, " \t")
		if end < 0 {
			end = len(trimmed)
		}
		parts, at = append(parts, trimmed[:end]), append(at, begin)
		rest, begin = trimmed[end:], begin+end
	}
}

// possible: some month has one of the days, or the days of the week say when.
func (e Expression) possible() bool {
	if !e.days.star && !e.weekdays.star {
		return true
	}
	longest := [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}
	for m, last := range longest {
		for d := 1; d <= last; d++ {
			if e.months.has(m+1) && e.days.has(d) {
				return true
			}
		}
	}
	return false
}

// String is the expression as it was given, with single spaces.
func (e Expression) String() string { return e.text }

// day says whether the expression names some time of a date.
func (e Expression) day(d time.Time) bool {
	if !e.months.has(int(d.Month())) {
		return false
	}
	date, weekday := e.days.has(d.Day()), e.weekdays.has(int(d.Weekday()))
	if e.days.star || e.weekdays.star {
		return date && weekday
	}
	return date || weekday
}
