// Package interrupt ends a program in good order when it is told to stop, and
// at once when it is told again.
package interrupt

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Context ends with the first SIGINT or SIGTERM. From before anybody can see
// that it has ended, a second one does what signals do: whoever waits for the
// end in good order, and loses patience, is always heard.
func Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	heard := make(chan os.Signal, 2)
	signal.Notify(heard, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-heard:
		case <-ctx.Done():
		}
		signal.Stop(heard)
		select {
		case sig := <-heard: // the second one came before its usual effect was back
			raise(sig)
		default:
		}
		cancel()
	}()
	return ctx, cancel
}

func raise(sig os.Signal) {
	if s, ok := sig.(syscall.Signal); ok {
		_ = syscall.Kill(os.Getpid(), s) // to oneself it cannot fail
	}
}
