package cron

import (
	"fmt"
	"strconv"
	"strings"
)

// field is one of the five.
type field struct {
	name     string
	min, max int
	names    []string // of min, min+1, ...
}

func fields() [5]field {
	return [5]field{
		{name: "minute", max: 59},
		{name: "hour", max: 23},
		{name: "day of month", min: 1, max: 31},
		{name: "month", min: 1, max: 12, names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
		{name: "day of week", max: 7, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
	}
}

// set are the values that a field names.
type set struct {
	bits uint64
	star bool // it begins with a star
}

func (s set) has(n int) bool { return s.bits>>n&1 == 1 }

// parse reads the field's text, which begins at the given place of the expression.
func (f field) parse(text string, at int) (s set, err error) {
	s.star = strings.HasPrefix(text, "*")
	for part := range strings.SplitSeq(text, ",") {
		bits, err := f.part(part, at)
		if err != nil {
			return s, err
		}
		s.bits |= bits
		at += len(part) + 1
	}
	return s, nil
}

// part reads a star, a value or a range, and its step.
func (f field) part(text string, at int) (bits uint64, err error) {
	values, step, stepped := strings.Cut(text, "/")
	n := 1
	if stepped {
		if n, err = strconv.Atoi(step); err != nil || n < 1 || n > f.max || step[0] == '+' {
			return 0, f.wrong(at+len(values)+1, step, "a step is a number from 1 to %d", f.max)
		}
	}
	first, last := f.min, f.max
	if f.name == "day of week" {
		last = 6 // 7 is the Sunday that 0 is
	}
	if values != "*" {
		low, high, ranged := strings.Cut(values, "-")
		if first, err = f.value(low, at); err != nil {
			return 0, err
		}
		last = first
		if ranged {
			if last, err = f.value(high, at+len(low)+1); err != nil {
				return 0, err
			}
		}
		switch {
		case stepped && !ranged:
			return 0, f.wrong(at, text, "a step needs a range: %s-%d/%d or */%d", low, f.max, n, n)
		case last < first:
			return 0, f.wrong(at, values, "the range runs backwards: write %s", f.forwards(low, high, last))
		}
	}
	for v := first; v <= last; v += n {
		if f.name == "day of week" && v == 7 {
			bits |= 1
		}
		bits |= 1 << v
	}
	return bits, nil
}

// forwards writes a range that runs backwards as two, in the words that it has.
func (f field) forwards(low, high string, last int) string {
	if f.name == "day of week" && last == 0 {
		return low + "-7, where 7 is Sunday"
	}
	end, begin := strconv.Itoa(f.max), strconv.Itoa(f.min)
	if f.name == "day of week" {
		end = "6" // 7 is the Sunday that 0 is
	}
	if _, err := strconv.Atoi(low); err != nil {
		end = f.names[len(f.names)-1]
	}
	if _, err := strconv.Atoi(high); err != nil {
		begin = f.names[0]
	}
	return low + "-" + end + "," + begin + "-" + high
}

func (f field) value(text string, at int) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max || strings.HasPrefix(text, "+") || len(text) > 2 {
		also := ""
		if f.names != nil {
			also = fmt.Sprintf(", or %s to %s", f.names[0], f.names[len(f.names)-1])
		}
		return 0, f.wrong(at, text, "it is a number from %d to %d%s", f.min, f.max, also)
	}
	return n, nil
}

func (f field) wrong(at int, text, why string, args ...any) error {
	return &Error{At: at, Field: f.name, Text: text, Why: fmt.Sprintf(why, args...)}
}
