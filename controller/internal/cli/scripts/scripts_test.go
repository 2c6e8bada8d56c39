// Package scripts runs the controller's command line as people do, most of it
// without a server, and some with a real one.
package scripts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"borgfleet/controller/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"borgfleet-controller": func() {
			os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr, cli.Hooks{Serve: serve}))
		},
	})
}

// serve only says how it was called.
func serve(_ context.Context, o cli.ServeOptions) error {
	fmt.Printf("%+v\n", o)
	return errors.New("no controller in this test")
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("BORGFLEET_DATA_DIR", e.WorkDir+"/data")
			e.Setenv("XDG_CONFIG_HOME", e.WorkDir+"/config")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "controller": controller, "golden": golden, "lastline": lastLine, "kept": kept,
		},
	})
}

// status compares the exit status of a command: status 2 borgfleet-controller jobs
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
