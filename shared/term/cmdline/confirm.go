package cmdline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	shown "borgfleet/shared/term"
)

// YesFlag answers Confirm.
func YesFlag() cli.Flag {
	// No variable: in the environment it would say yes to everything that comes.
	return &cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, EnvVars: []string{}, Usage: "do it without asking"}
}

// Confirm asks before something that cannot be taken back: about says what will
// happen, and word, a name, has to be typed. Where nobody can be asked, only
// --yes goes on.
func Confirm(c *cli.Context, in io.Reader, errs shown.Screen, about, word string) error {
	if c.Bool("yes") {
		return nil
	}
	if !CanAsk(in) {
		return Usagef("%s Nothing was done: nobody can be asked here. Add --yes if that is meant", about)
	}
	if err := errs.Printf("%s\nTo go on, type %s: ", shown.CleanRows(about), shown.Clean(word)); err != nil {
		return err
	}
	answer, err := readAnswer(c.Context, in)
	if err != nil {
		return err
	}
	if answer != word {
		return errors.New("nothing was done")
	}
	return nil
}

// CanAsk says whether there is somebody at in who can answer.
func CanAsk(in io.Reader) bool {
	f, ok := in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// readAnswer reads a line, or ends with ctx: a person who presses Ctrl-C wants
// no answer of their own.
func readAnswer(ctx context.Context, in io.Reader) (string, error) {
	type result struct {
		line string
		err  error
	}
	read := make(chan result, 1)
	go func() {
		line, err := bufio.NewReader(in).ReadString('\n')
		read <- result{line, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case r := <-read:
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return "", fmt.Errorf("read the answer: %w", r.err)
		}
		return strings.TrimSpace(r.line), nil
	}
}
