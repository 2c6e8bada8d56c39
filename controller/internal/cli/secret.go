package cli

import (
	"bytes"
	"context"
	"os"

	"github.com/urfave/cli/v2"

	"borgfleet/shared/definitions"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// secretLine reads the one line of a file; what says what it is.
func (k *controller) secretLine(file, what string) ([]byte, error) {
	data, open, err := cmdline.ReadSecret(file, k.in)
	if err != nil {
		return nil, cmdline.Usagef("read %s: %w", what, err)
	}
	if open {
		if err := k.err.Printf("warning: other accounts can read %s: chmod 600 it, or remove it when the %s is in a safe place\n", term.Clean(file), what); err != nil {
			return nil, err
		}
	}
	return oneLine(data, what)
}

// definedSecret reads the secret that definitions in a folder name.
func (k *controller) definedSecret(s definitions.Secret, folder, what string) ([]byte, error) {
	if s.Env == "" {
		return k.secretLine(s.FileFrom(folder), what)
	}
	value, there := os.LookupEnv(s.Env)
	if !there {
		return nil, cmdline.Usagef("the %s is to be in the environment variable %s, which is not set", what, s.Env)
	}
	return oneLine([]byte(value), what)
}

func oneLine(data []byte, what string) ([]byte, error) {
	// The line's end is the editor's, not the secret's: borg reads one line as
	// well.
	data = bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))
	if len(data) == 0 {
		return nil, cmdline.Usagef("the %s is empty", what)
	}
	if bytes.ContainsAny(data, "\x00\r\n") {
		return nil, cmdline.Usagef("a %s is one line; is it the right file?", what)
	}
	return data, nil
}

func passwordFlag() cli.Flag {
	return &cli.StringFlag{Name: "password-file", Usage: "`FILE` with the password; - is standard input (default: it is asked for on the terminal)"}
}

// password reads the password of --password-file, or asks for it.
func (k *controller) password(c *cli.Context, ask func(context.Context, term.Keyboard) (string, error)) (string, error) {
	if file := c.String("password-file"); file != "" {
		line, err := k.secretLine(file, "password")
		return string(line), err
	}
	keyboard, ok := term.KeyboardOf(k.in, k.err)
	if !ok {
		return "", cmdline.Usagef("there is no terminal to ask for the password on: give --password-file FILE, or --password-file - for standard input")
	}
	return ask(c.Context, keyboard)
}

// askNew asks twice, since what is typed cannot be seen.
func askNew(ctx context.Context, keyboard term.Keyboard) (string, error) {
	first, err := keyboard.Secret(ctx, "New password: ")
	if err != nil {
		return "", err
	}
	second, err := keyboard.Secret(ctx, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", cmdline.Usagef("the two passwords differ; nothing was done")
	}
	return first, nil
}

func askOnce(ctx context.Context, keyboard term.Keyboard) (string, error) {
	return keyboard.Secret(ctx, "Password: ")
}
