package scripts

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"borgfleet/controller/internal/fleet"
	"borgfleet/controller/internal/server"
)

// controller starts a real controller on the script's data directory, whose URL
// is then in $SERVER. Its first user has the password "the first password".
func controller(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: controller")
	}
	ctx, cancel := context.WithCancel(context.Background())
	started, ended := make(chan server.Addresses, 1), make(chan error, 1)
	log, err := os.Create(ts.MkAbs("controller.log"))
	ts.Check(err)
	go func() {
		ended <- server.Serve(ctx, server.Options{
			DataDir: ts.Getenv("BORGFLEET_DATA_DIR"), APIListen: "127.0.0.1:0", AgentListen: "127.0.0.1:0",
			Settings: fleet.DefaultSettings(), AdminPassword: "the first password",
			Logger:  slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Started: func(at server.Addresses) { started <- at },
		})
	}()
	ts.Defer(func() {
		cancel()
		if err := <-ended; err != nil {
			ts.Logf("the controller ended: %v", err)
		}
		log.Close()
	})
	select {
	case at := <-started:
		ts.Setenv("SERVER", at.API)
	case err := <-ended:
		ended <- err
		ts.Fatalf("the controller does not start: %v", err)
	}
}

// golden compares the last output with a file, but for what is different each
// time: golden stdout FILE
func golden(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: golden stdout|stderr FILE")
	}
	got := ts.ReadFile(args[0])
	for _, mask := range []struct{ is, shown string }{
		{`bft_[0-9a-f]{16}_[A-Za-z0-9_-]{43}\b`, "API-TOKEN"},
		{`eyJ[A-Za-z0-9_.-]+`, "LOGIN-TOKEN"},
		{`\b[0-9a-f]{16}\b`, "ffffffffffffffff"},
		{regexp.QuoteMeta(ts.Getenv("WORK")), "WORK"},
		{`127\.0\.0\.1:\d+`, "127.0.0.1:PORT"},
		{`[0-9.]+ [kMGTP]?B free`, "SPACE free"},
		{`\b[0-9a-f]{32}\b`, "FLEET-ID"},
		{`\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b`, "2026-03-01 12:00:00"},
	} {
		got = regexp.MustCompile(mask.is).ReplaceAllString(got, mask.shown)
	}
	if want := ts.ReadFile(args[1]); got != want {
		ts.Fatalf("%s is\n%swant\n%s", args[0], got, want)
	}
}

// lastLine writes the last line of the output to a file that only its owner can
// read: lastline FILE
func lastLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lastline FILE")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stdout")), "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(lines[len(lines)-1]+"\n"), 0o600))
}

// kept fails if what is in a file stands anywhere below a directory: ! kept DIR
// FILE
func kept(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] kept DIR FILE")
	}
	secret := strings.TrimSpace(ts.ReadFile(args[1]))
	found := ""
	err := walk(ts.MkAbs(args[0]), func(path, text string) {
		if strings.Contains(text, secret) {
			found = path
		}
	})
	ts.Check(err)
	if (found != "") == neg {
		ts.Fatalf("%s is kept in %q", args[1], found)
	}
}

// walk gives what is in every file at or below root.
func walk(root string, each func(path, text string)) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		each(path, string(data))
		return err
	})
}
