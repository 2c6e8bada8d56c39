package borg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

const (
	maxOutput = 16 << 20 // of each stream of a short command
	// runGrace is short: nothing that a reading command does is worth waiting
	// for.
	runGrace = 5 * time.Second
	// drainGrace is for what borg left behind with our pipe in its hands (an
	// ssh connection master, for one) after borg itself has ended.
	drainGrace = 2 * time.Second
)

// Run runs a short command and returns all that it printed, up to 16 MiB a
// stream. When ctx ends, so does borg. The passphrase is overwritten with
// zeros.
func (t Tool) Run(ctx context.Context, inv Invocation, passphrase []byte) (stdout, stderr []byte, exit Exit) {
	fail := func(err error) ([]byte, []byte, Exit) { return nil, nil, Exit{Code: -1, Err: err} }
	if err := ctx.Err(); err != nil {
		clear(passphrase)
		return fail(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		return fail(fmt.Errorf("make a pipe for borg: %w", err))
	}
	defer outR.Close()
	errR, errW, err := os.Pipe()
	if err != nil {
		outW.Close()
		return fail(fmt.Errorf("make a pipe for borg: %w", err))
	}
	defer errR.Close()
	p, err := t.Start(inv, Stdio{Stdout: outW, Stderr: errW, Passphrase: passphrase})
	outW.Close()
	errW.Close()
	if err != nil {
		return fail(err)
	}
	stop := context.AfterFunc(ctx, func() { p.Terminate(runGrace, p.done) })
	defer stop()
	outDone, errDone := drain(outR), drain(errR)
	exit = p.Wait()
	deadline := time.Now().Add(drainGrace)
	_ = outR.SetReadDeadline(deadline)
	_ = errR.SetReadDeadline(deadline)
	out, errOut := <-outDone, <-errDone
	if out.truncated && exit.Err == nil {
		exit = Exit{Code: -1, Err: errors.New("borg printed more than 16 MiB")}
	}
	return out.data, errOut.data, exit
}

type drained struct {
	data      []byte
	truncated bool
}

// drain reads to the end, also beyond what it keeps: a writer that nobody
// reads from would stand still.
func drain(r *os.File) <-chan drained {
	c := make(chan drained, 1)
	go func() {
		var buf bytes.Buffer
		n, err := io.CopyN(&buf, r, maxOutput)
		d := drained{data: buf.Bytes()}
		if err == nil && n == maxOutput {
			rest, _ := io.Copy(io.Discard, r)
			d.truncated = rest > 0
		}
		c <- d
	}()
	return c
}
