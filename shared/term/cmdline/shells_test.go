package cmdline

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/shared/term"
	"borgfleet/shared/term/ptytest"
)

// shellEnv makes the program callable, in a directory with something to
// complete.
func shellEnv(t *testing.T, shell string) (dir string, env []string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skipf("%s is not installed here", shell)
	}
	dir = t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"bin", "work/folder", "home"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, filepath.Join(dir, "bin", shellProgram)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "work", "fine file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "work"), []string{
		"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + filepath.Join(dir, "home"),
		"TERM=xterm", "LC_ALL=C.UTF-8", "PS1=$ ", "PROMPT=$ ", "ZDOTDIR=" + filepath.Join(dir, "home"),
	}
}

// TestBashReplies looks at COMPREPLY itself. "|" is where bash breaks words
// without a space.
func TestBashReplies(t *testing.T) {
	dir, env := shellEnv(t, "bash")
	for _, tt := range []struct{ line, want string }{
		{"", "jobs completion"},
		{"jobs st", "start"},
		{"jobs start --status|=|f", "failed"},
		{"jobs start --status|=", "pending running completed completed_with_warnings failed cancelled"},
		{"jobs start --status can", "cancelled"},
		{"jobs start ssh|:|//host/d", "//host/db"},
		{"jobs start ssh|:", "//host/web //host/db"},
		{"jobs start i", `it\'s\ big`},
		{"jobs start 'i", `it\'s\ big`},
		{"jobs  start   w", "web"},
		{"jobs start --token-file f", "fine file folder"},
		{"jobs start --token-file|=|f", "fine file folder"},
		{"jobs start --data-dir ", "folder"},
		{"jobs start ssh|:|//host/db --name n ", "n1 n2"},
	} {
		words := strings.FieldsFunc(tt.line, func(r rune) bool { return r == ' ' || r == '|' })
		if tt.line == "" || strings.HasSuffix(tt.line, " ") {
			words = append(words, "")
		}
		for i, w := range words {
			words[i] = term.Shell(w)
		}
		line := shellProgram + " " + strings.ReplaceAll(tt.line, "|", "")
		script := fmt.Sprintf(`source <(%s completion bash)
COMP_LINE=%s COMP_POINT=%d COMP_WORDS=(%s %s) COMP_CWORD=%d
_%s
printf '%%s\n' "${COMPREPLY[@]}"`, shellProgram, term.Shell(line), len(line), shellProgram, strings.Join(words, " "), len(words), shellProgram)
		cmd := exec.Command("bash", "--norc", "-c", script)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.Output()
		if got := strings.Join(strings.Split(strings.TrimSpace(string(out)), "\n"), " "); err != nil || got != tt.want {
			t.Errorf("%q: %q %v, want %q", tt.line, got, err, tt.want)
		}
	}
}

// TestShells types into real shells and presses the tabulator.
func TestShells(t *testing.T) {
	for _, s := range []struct {
		shell string
		args  []string
		load  string
	}{
		{"bash", []string{"--norc", "--noprofile", "-i"}, "source <(prog completion bash)"},
		{"zsh", []string{"-f", "-i"}, "autoload -Uz compinit; compinit -D; source <(prog completion zsh)"},
		// As the packages install it: zsh loads the file at the first tabulator.
		{"zsh", []string{"-f", "-i"}, "mkdir site; prog completion zsh > site/_prog; fpath=($PWD/site $fpath); autoload -Uz compinit; compinit -u -D"},
	} {
		t.Run(s.shell, func(t *testing.T) {
			t.Parallel()
			dir, env := shellEnv(t, s.shell)
			pty := ptytest.New(t, 150, 50)
			cmd := exec.Command(s.shell, s.args...)
			cmd.Dir, cmd.Env = dir, env
			cmd.Stdin, cmd.Stdout, cmd.Stderr = pty.Tty, pty.Tty, pty.Tty
			cmd.SysProcAttr = session()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			})
			pty.Type(s.load + "; echo loa''ded\r")
			prompt := func() {
				pty.Wait("an empty prompt", func(screen string) bool { return strings.HasSuffix(screen, "loaded\n$") })
			}
			prompt()
			for _, tt := range []struct{ typed, want string }{
				{"prog jobs st\t", "prog jobs start "},
				{"prog jobs start --status f\t", "prog jobs start --status failed "},
				{"prog jobs start --status=f\t", "prog jobs start --status=failed "},
				{"prog jobs start ssh://host/d\t", "prog jobs start ssh://host/db "},
				{"prog jobs start it\t", `prog jobs start it\'s\ big `},
				{"prog jobs start --token-file fi\t", `prog jobs start --token-file fine\ file `},
				{"prog jobs start --data-dir f\t", `prog jobs start --data-dir folder/`},
				{"prog jobs start --token-file=fi\t", `prog jobs start --token-file=fine\ file `},
			} {
				pty.Type(tt.typed)
				pty.Type("END")
				pty.WaitFor(tt.want + "END")
				pty.Type("\x15") // and away with it
				prompt()
			}
		})
	}
}

// TestFish asks fish itself what it would propose.
func TestFish(t *testing.T) {
	dir, env := shellEnv(t, "fish")
	for _, tt := range []struct{ line, want string }{
		{"jobs st", "start"},
		{"jobs start --status f", "failed"},
		{"jobs start --status=f", "--status=failed"},
		{"jobs start ssh://host/d", "ssh://host/db"},
		{"jobs start it", "it's big"},
		{"jobs start --token-file fi", "fine file"},
		{"jobs start --data-dir f", "folder/"},
	} {
		cmd := exec.Command("fish", "--no-config", "-c", "prog completion fish | source; complete -C "+term.Shell("prog "+tt.line))
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.Output()
		var words []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			words = append(words, word)
		}
		if got := strings.Join(words, " "); err != nil || got != tt.want {
			t.Errorf("%q: %q %v, want %q", tt.line, got, err, tt.want)
		}
	}
}
