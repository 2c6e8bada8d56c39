package api

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"borgfleet/controller/internal/fault"
)

// mostProblems bounds an answer: a body can hold a hundred thousand mistakes.
const mostProblems = 50

// problems collects what is wrong with a request, so that a client learns of
// everything at once.
type problems struct {
	fields []fault.Field
	more   int
}

func (p *problems) add(location, format string, args ...any) {
	if len(p.fields) == mostProblems {
		p.more++
		return
	}
	p.fields = append(p.fields, fault.Field{Location: location, Message: fmt.Sprintf(format, args...)})
}

// err is nil if nothing is wrong.
func (p *problems) err() error {
	if len(p.fields) == 0 {
		return nil
	}
	detail := p.fields[0].Location + ": " + p.fields[0].Message
	if n := len(p.fields) - 1 + p.more; n > 0 {
		detail += fmt.Sprintf(" (and %d more, see errors)", n)
	}
	return &fault.Error{Kind: fault.Invalid, Code: "invalid_request", Message: detail, Fields: p.fields}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func join[T any](all []T) string {
	words := make([]string, len(all))
	for i, v := range all {
		words[i] = fmt.Sprint(v)
	}
	return strings.Join(words, ", ")
}
