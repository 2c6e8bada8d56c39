package interrupt

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

const asChild = "BORGFLEET_TEST_INTERRUPT"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		ctx, _ := Context(context.Background())
		fmt.Println("runs")
		<-ctx.Done()
		fmt.Println("stops")
		select {} // takes for ever to end in good order
	}
	os.Exit(m.Run())
}

// TestASecondSignalIsHeard, however soon it comes.
func TestASecondSignalIsHeard(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for range 50 {
			twice(t, sig)
		}
	}
}

func twice(t *testing.T, sig syscall.Signal) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asChild+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewScanner(out)
	for _, want := range []string{"runs", "stops"} {
		if !said.Scan() || said.Text() != want {
			t.Fatalf("it says %q, not %q", said.Text(), want)
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	_ = cmd.Wait() // it tells that a signal ended it
	if state, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || state.Signal() != sig {
		t.Fatalf("after a second %s: %s", sig, cmd.ProcessState)
	}
}

func TestTheParentEndsIt(t *testing.T) {
	parent, end := context.WithCancel(context.Background())
	ctx, stop := Context(parent)
	defer stop()
	end()
	<-ctx.Done()
}
