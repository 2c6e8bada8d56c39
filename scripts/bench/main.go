// Command bench measures what the fleet adds to bare borg: each figure is taken
// beside its floor in the same run, in alternating pairs, so that a slow or
// busy machine slows both. It asserts nothing; BENCHMARKS.md keeps what it said.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"borgfleet/scripts/testenv"
)

func main() {
	if filepath.Base(os.Args[0]) == "borg" {
		os.Exit(shim(os.Args))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	bin := flags.String("bin", "bin", "directory of the two programs")
	pairs := flags.Int("pairs", 10, "alternating pairs for each figure")
	only := flags.String("only", "", "names of benchmarks, separated by commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b, err := newBench(ctx, *bin, *pairs, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	b.head()
	for _, m := range []struct {
		name string
		run  func() error
	}{
		{"tiny", b.tiny}, {"exec", b.toExec}, {"progress", b.firstProgress}, {"cancel", b.cancel}, {"big", b.big},
	} {
		if *only != "" && !strings.Contains(","+*only+",", ","+m.name+",") {
			continue
		}
		if err := m.run(); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// bench is one run.
type bench struct {
	ctx   context.Context
	out   io.Writer
	pairs int
	dir   string
	real  string // path of the real borg
	env   *testenv.Env
}

func newBench(ctx context.Context, bin string, pairs int, out io.Writer) (*bench, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	real, err := exec.LookPath("borg")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "borgfleet-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{ctx: ctx, out: out, pairs: pairs, dir: dir, real: real}
	path, err := b.installShim()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	b.env, err = testenv.Start(ctx, testenv.Fleet{
		Dir: dir, Bin: bin, Controller: []string{"--log-policy", "all"},
		Agents: []testenv.Agent{{Name: "host", Env: []string{"PATH=" + path + ":" + os.Getenv("PATH")}}},
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return b, nil
}

func (b *bench) close() error {
	return errors.Join(b.env.Close(), os.RemoveAll(b.dir))
}

func (b *bench) head() {
	version, err := exec.Command(b.real, "--version").Output()
	if err != nil {
		version = []byte(err.Error())
	}
	fmt.Fprintf(b.out, "%s, %s, %d CPUs, %d pairs each; median (least to most)\n\n", strings.TrimSpace(string(version)), runtime.Version(), runtime.NumCPU(), b.pairs)
}

// register makes a repository of the fleet.
func (b *bench) register(name, source string) (string, error) {
	path := filepath.Join(b.env.Repositories(), name)
	return path, b.env.API.Post("/api/repositories", map[string]any{
		"name": name, "path": path, "encryption": "none", "source_directories": []string{source},
	}, nil)
}

// bare is borg as the fleet would call it, without the fleet.
func (b *bench) bare(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.ctx, b.real, args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "LC_ALL=C.UTF-8", "TZ=UTC", "BORG_EXIT_CODES=modern",
		"BORG_BASE_DIR=" + filepath.Join(b.dir, "bare-borg"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes",
	}
	return cmd
}

func (b *bench) bareCreate(repo, source string) *exec.Cmd {
	return b.bare("--log-json", "--progress", "create", "--json", "--lock-wait", "600",
		repo+"::bare-{now:%Y-%m-%dT%H:%M:%S.%f}", source)
}

func (b *bench) bareInit(name string) (string, error) {
	repo := filepath.Join(b.dir, "bare-"+name)
	out, err := b.bare("init", "-e", "none", repo).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return repo, nil
}
