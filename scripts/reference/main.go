// Command reference writes the manual pages and the reference of the command
// line from what the programs themselves say.
//
//	reference -man DIR -markdown DIR PROGRAM...
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"borgfleet/shared/term/cmdline"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("reference", flag.ContinueOnError)
	flags.SetOutput(stderr)
	man := flags.String("man", "", "write manual pages into this directory")
	version := flags.String("version", "", "what the manual pages say of the version")
	date := flags.String("date", "", "and of the date")
	markdown := flags.String("markdown", "", "write the reference into this directory")
	check := flags.Bool("check", false, "write nothing: fail if the reference there is another")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for _, program := range flags.Args() {
		ref, err := ask(program)
		if err != nil {
			return fmt.Errorf("ask %s what it can be told: %w", program, err)
		}
		if *man != "" {
			page := manPage(ref, *version, *date)
			if err := write(filepath.Join(*man, ref.Name+".1"), page); err != nil {
				return err
			}
		}
		if *markdown == "" {
			continue
		}
		put := write
		if *check {
			put = compare
		}
		if err := put(filepath.Join(*markdown, ref.Name+".md"), markdownPage(ref)); err != nil {
			return err
		}
	}
	return nil
}

// ask gets a program's own account. Nothing of the caller's environment is in
// it: defaults are the program's.
func ask(program string) (ref cmdline.Reference, err error) {
	path, err := filepath.Abs(program)
	if err != nil {
		return ref, err
	}
	cmd := exec.Command(path, "__reference")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		return ref, err
	}
	return ref, json.Unmarshal(out, &ref)
}

func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

func compare(file, text string) error {
	have, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, []byte(text)) {
		return fmt.Errorf("%s is not what the program says: run make reference", file)
	}
	return nil
}
