package client

import "errors"

// ErrNoAnswer is of a request that got no whole answer. Unless nobody could be
// reached, the controller may have done what it was asked for.
var ErrNoAnswer = errors.New("there was no answer")

// noAnswer says nothing of its own: what happened is said in the error in it.
type noAnswer struct{ error }

func (e noAnswer) Unwrap() error { return e.error }

func (e noAnswer) Is(target error) bool { return target == ErrNoAnswer }
