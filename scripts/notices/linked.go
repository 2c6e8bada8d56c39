package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// parts are the modules in programs, by path and version.
type parts map[string]*part

// part is a module, or Go's own library.
type part struct {
	root     string              // where its files are
	packages map[string]struct{} // the directories of those of its packages that are linked
}

// golang is Go's own library, as it is called beside modules.
const golang = "Go's standard library and runtime"

// listed is what go list says of a package.
type listed struct {
	Dir      string
	Standard bool
	Module   *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// addProgram adds what one program holds.
func (all parts) addProgram(program string) error {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return err
	}
	packages, err := linked(info)
	if err != nil {
		return err
	}
	here := map[string]bool{}
	for _, p := range packages {
		switch {
		case p.Standard:
			root, err := goRoot()
			if err != nil {
				return err
			}
			all.add(golang+" "+info.GoVersion, root, p.Dir)
		case p.Module == nil || p.Module.Main:
		default:
			name := p.Module.Path + " " + p.Module.Version
			here[name] = true
			all.add(name, p.Module.Dir, p.Dir)
		}
	}
	// The program has the last word about what is in it.
	for _, m := range info.Deps {
		if m.Replace != nil {
			return fmt.Errorf("%s is replaced by %s, which this does not know how to read", m.Path, m.Replace.Path)
		}
		if name := m.Path + " " + m.Version; !here[name] {
			return fmt.Errorf("it holds %s, which this source does not: build it again", name)
		}
	}
	return nil
}

func (all parts) add(name, root, dir string) {
	p := all[name]
	if p == nil {
		p = &part{root: root, packages: map[string]struct{}{}}
		all[name] = p
	}
	p.packages[dir] = struct{}{}
}

// linked lists the packages of a program, for the machine that it was built for.
func linked(info *buildinfo.BuildInfo) (out []listed, err error) {
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,Standard,Module", info.Path)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	for _, s := range info.Settings {
		if s.Key == "GOOS" || s.Key == "GOARCH" {
			cmd.Env = append(cmd.Env, s.Key+"="+s.Value)
		}
	}
	data, err := output(cmd)
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(data)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("read what go list says: %w", err)
		}
		out = append(out, p)
	}
}

func goRoot() (string, error) {
	data, err := output(exec.Command("go", "env", "GOROOT"))
	return string(bytes.TrimSpace(data)), err
}

func output(cmd *exec.Cmd) ([]byte, error) {
	data, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%v: %w: %s", cmd.Args, err, exit.Stderr)
	}
	return data, err
}
