package borg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"borgfleet/shared/job"
)

// versionTimeout is far above the quarter of a second that borg needs, for
// hosts that are busy or wake a disk.
const versionTimeout = 60 * time.Second

// Find looks for borg by name or path ("" is "borg" on PATH) and asks it for
// its version. Errors are *Error and say what to do. An unsupported version is
// returned together with its error, so that it can be shown.
func Find(ctx context.Context, nameOrPath string) (Tool, error) {
	path, err := lookup(nameOrPath)
	if err != nil {
		return Tool{}, err
	}
	v, err := askVersion(ctx, path)
	if err != nil {
		return Tool{}, err
	}
	return Tool{Path: path, Version: v}, v.Check()
}

func lookup(nameOrPath string) (string, error) {
	name := nameOrPath
	if name == "" {
		name = "borg"
	}
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		hint := "install borgbackup (apt-get install borgbackup), or name the binary in the agent's configuration"
		if strings.Contains(name, "/") {
			hint = "install it there, or change the path in the agent's configuration"
		}
		reason := err
		var lookErr *exec.Error
		if errors.As(err, &lookErr) {
			reason = lookErr.Err
		}
		return "", &Error{job.CodeBorgMissing, fmt.Sprintf("borg cannot be run as %q: %v; %s", name, reason, hint)}
	}
	return path, nil
}

func askVersion(ctx context.Context, path string) (Version, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	inv := Invocation{Args: []string{"--version"}, Env: []string{"PATH=" + defaultPath, "LC_ALL=C.UTF-8"}}
	stdout, stderr, exit := Tool{Path: path}.Run(ctx, inv, nil)
	v, err := ParseVersion(string(stdout))
	if exit.Err == nil && exit.Code == 0 && err == nil {
		return v, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return Version{}, &Error{job.CodeBorgMissing, fmt.Sprintf("%s --version did not answer: %v", path, cause)}
	}
	said := lastLine(stderr)
	if said == "" {
		said = lastLine(stdout)
	}
	switch {
	case exit.Err != nil:
		said = exit.Err.Error()
	case said == "":
		said = fmt.Sprintf("exit code %d and no output", exit.Code)
	}
	return Version{}, &Error{job.CodeBorgMissing, fmt.Sprintf("%s does not work as borg (%s); run %q on this host to see why", path, clip(said, 300), path+" --version")}
}

// lastLine is the last line with something on it: Python's tracebacks and
// argparse's usage texts have the reason there.
func lastLine(b []byte) string {
	b = bytes.TrimSpace(b)
	return strings.TrimSpace(escapeText(b[bytes.LastIndexByte(b, '\n')+1:], false))
}
