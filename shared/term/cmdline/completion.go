package cmdline

import (
	_ "embed" // the scripts
	"io"
	"strings"

	"github.com/urfave/cli/v2"
)

//go:embed shell/bash.sh
var bashScript string

//go:embed shell/zsh.sh
var zshScript string

//go:embed shell/fish.sh
var fishScript string

func shells() []string { return []string{"bash", "zsh", "fish"} }

// completion is the command that lets a shell complete the program's lines. The
// script itself knows nothing: it asks the program each time, so that it is
// right after an upgrade too.
func (p Program) completion() *cli.Command {
	return &cli.Command{
		Name: "completion", ArgsUsage: "SHELL",
		Usage: "print what lets bash, zsh or fish complete commands",
		Description: "For this shell, and for every later one of this account:\n\n" +
			"  source <(" + p.Name + " completion bash)\n" +
			"  echo 'source <(" + p.Name + " completion bash)' >> ~/.bashrc\n" +
			"  echo 'source <(" + p.Name + " completion zsh)' >> ~/.zshrc\n" +
			"  " + p.Name + " completion fish > ~/.config/fish/completions/" + p.Name + ".fish",
		Action: func(c *cli.Context) error {
			args, err := Args(c, "SHELL")
			if err != nil {
				return err
			}
			script, ok := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[args[0]]
			if !ok {
				return Usagef("the shell is one of %s, not %q", strings.Join(shells(), ", "), args[0])
			}
			function := "_" + strings.ReplaceAll(p.Name, "-", "_")
			_, err = io.WriteString(c.App.Writer, strings.NewReplacer("PROGRAM", p.Name, "FUNCTION", function).Replace(script))
			return err
		},
	}
}
