// Package scripts runs the agent's command line as people do, where no server
// is needed.
package scripts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"borgfleet/agent/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"borgfleet-agent": func() {
			os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, cli.Hooks{RunDaemon: daemon}))
		},
	})
}

// daemon only says how it was called.
func daemon(_ context.Context, o cli.RunOptions) error {
	fmt.Printf("state %s\nconfig %s\nlevel %s\n", o.StateDir, o.ConfigFile, o.LogLevel)
	return errors.New("no daemon in this test")
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("BORGFLEET_STATE_DIR", e.WorkDir+"/state")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": status, "definitions": definitions},
	})
}

// status compares the exit status of a command: status 2 borgfleet-agent logs
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command [arguments]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if e, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		got = e.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}
