// Package notify says what people are told: the events, and the rules by which they
// come to channels. An event is written with the change that it tells, so there is
// never one without the other; see deliver for how it gets to people.
package notify
