package cmdline

import (
	"context"
	"errors"
	"fmt"
	"net"

	"borgfleet/shared/job"
)

// Exit statuses. They are part of the interface: scripts compare them.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitUnavailable = 3
	ExitWarnings    = 4
	ExitDifferent   = 5
	ExitInterrupted = 130
)

// exitHelps stand in the help of both programs.
func exitHelps() []ExitHelp {
	return []ExitHelp{
		{ExitOK, "it was done; of a job that was followed: completed"},
		{ExitFailed, "it failed; of a job that was followed: failed or cancelled"},
		{ExitUsage, "the command line or a configuration file is wrong; nothing was done"},
		{ExitUnavailable, "not enrolled, not running, not reachable or not permitted to ask"},
		{ExitWarnings, "the job that was followed completed with warnings"},
		{ExitDifferent, "what was only to be shown (apply --dry-run) would change something"},
		{ExitInterrupted, "interrupted; a job that was followed goes on"},
	}
}

// Code is the exit status of a program that ended with err.
func Code(err error) int {
	if err == nil {
		return ExitOK
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	// Nobody said what it is, but a connection that could not be made is known
	// by its type.
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return ExitUnavailable
	}
	return ExitFailed
}

// Error is an error with an exit status of its own.
type Error struct {
	Code int
	Err  error // nil: everything was said already
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit status %d", e.Code)
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Usagef is an error in how the program was called.
func Usagef(format string, args ...any) error {
	return &Error{Code: ExitUsage, Err: fmt.Errorf(format, args...)}
}

// Unavailable marks that what the command needs is not there.
func Unavailable(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Code: ExitUnavailable, Err: err}
}

// Advised is an error that says what to do now, on a line of its own.
type Advised struct {
	Err  error
	Step string
}

func (e *Advised) Error() string { return e.Err.Error() }

func (e *Advised) Unwrap() error { return e.Err }

// Next is what to do now.
func (e *Advised) Next() string { return e.Step }

// Silently ends with code; what there was to say has been said.
func Silently(code int) error {
	if code == ExitOK {
		return nil
	}
	return &Error{Code: code}
}

// JobExit is the exit status that tells the end of a job that was followed.
func JobExit(s job.Status) int {
	switch s {
	case job.Completed:
		return ExitOK
	case job.CompletedWithWarnings:
		return ExitWarnings
	}
	return ExitFailed
}
