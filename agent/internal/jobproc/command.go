package jobproc

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"syscall"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
)

// Verb is the first argument that makes the agent a job process.
const Verb = "exec-job"

// lockFD is where the job process finds the directory's lock.
const lockFD = 3

// Exit codes of the job process, for its log: what counts is the verdict.
const (
	exitVerdict   = 0 // there is a verdict
	exitNoVerdict = 1 // another job process has to go on
	exitUsage     = 2
)

// Command is the job process of d. lock goes to it without a moment at which
// nobody holds it; the caller closes its own copy after Start. self is the
// agent's binary, best /proc/self/exe: also after an upgrade replaced the file
// it is the program that is running.
func Command(self string, st state.Dir, config string, d *jobdir.Dir, lock *jobdir.Lock) *exec.Cmd {
	cmd := exec.Command(self, Verb, "--state-dir", st.Path(), "--config", config, d.Key().String())
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{lock.File()}
	// Its own session: neither the end of the daemon nor a terminal's ^C
	// reaches it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// Main is the whole program of a job process. args are what follows Verb.
func Main(args []string, stderr io.Writer) int {
	c, err := parse(args, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", Verb, err)
		return exitUsage
	}
	beSmall()
	// Only the host's shutdown ends a job process.
	disregard(syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return Run(ctx, c)
}

// disregard takes signals and does nothing. Ignored, they would be so in hooks,
// too: a shell cannot even trap them then, and yes | head would not end.
func disregard(signals ...os.Signal) {
	signal.Notify(make(chan os.Signal, 1), signals...)
}

// beSmall keeps the job process unnoticed beside borg.
func beSmall() {
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(16 << 20)
}

func parse(args []string, stderr io.Writer) (Config, error) {
	fs := flag.NewFlagSet(Verb, flag.ContinueOnError)
	fs.SetOutput(stderr)
	dir := fs.String("state-dir", state.DefaultDir, "state directory")
	config := fs.String("config", "", "configuration file")
	if err := fs.Parse(args); err != nil {
		return Config{}, err
	}
	if fs.NArg() != 1 {
		return Config{}, fmt.Errorf("it takes one job key; the agent starts it, not a person")
	}
	key, err := job.ParseKey(fs.Arg(0))
	if err != nil {
		return Config{}, err
	}
	st, err := state.At(*dir)
	if err != nil {
		return Config{}, err
	}
	if *config == "" {
		*config = st.Config()
	}
	return Config{State: st, ConfigFile: *config, Key: key, LockFD: lockFD}, nil
}

// openLog lets the job process's own words, a panic among them, go to a file in
// the job's directory: nobody listens to its stderr once the daemon is gone.
func openLog(d *jobdir.Dir) *slog.Logger {
	f, err := os.OpenFile(d.LogPath(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return slog.New(slog.DiscardHandler)
	}
	_ = debug.SetCrashOutput(f, debug.CrashOptions{})
	return slog.New(slog.NewTextHandler(f, nil)).With("job", d.Key())
}
