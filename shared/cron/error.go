package cron

import "fmt"

// Error says what is wrong with an expression, and where.
type Error struct {
	At    int    // byte of the expression at which it begins, from 0
	Field string // minute, hour, ...; empty: the expression as a whole
	Text  string // what stands there
	Why   string
}

func (e *Error) Error() string {
	if e.Field == "" {
		return "cron expression: " + e.Why
	}
	return fmt.Sprintf("cron expression: %s, character %d, %q: %s", e.Field, e.At+1, e.Text, e.Why)
}
