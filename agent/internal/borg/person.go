package borg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"borgfleet/shared/job"
)

// Terminal is what a person's borg is attached to.
type Terminal struct {
	In       io.Reader
	Out, Err io.Writer
	Env      []string // of the person, such as TERM
}

// Person runs borg for a person at a terminal, with what a job on the repository
// would have: directories, host id, ssh, passphrase. borg's questions are the
// person's to answer, and BORG_REPO names the repository, so that "borg list"
// and "borg list ::ARCHIVE" mean it. It gives borg's exit status.
//
// It takes passphrase, and overwrites it.
func (t Tool) Person(ctx context.Context, h Host, repo job.Repository, args []string, passphrase []byte, on Terminal) (int, error) {
	defer clear(passphrase)
	env, err := environment(h, repo, false)
	if err != nil {
		return -1, err
	}
	cmd := exec.Command(t.Path, args...) // not with ctx: the terminal's signals reach borg itself
	cmd.Stdin, cmd.Stdout, cmd.Stderr = on.In, on.Out, on.Err
	cmd.Env = append([]string{"BORG_REPO=" + repo.Path}, on.Env...)
	for _, v := range env {
		if !unattended(v) && (len(passphrase) > 0 || !strings.HasPrefix(v, passphraseFDVar)) {
			cmd.Env = append(cmd.Env, v)
		}
	}
	if len(passphrase) > 0 {
		secret, err := passphrasePipe(passphrase)
		if err != nil {
			return -1, err
		}
		defer secret.Close()
		cmd.ExtraFiles = []*os.File{secret} // PassphraseFD
	}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if code := exit.ExitCode(); code >= 0 {
			return code, nil
		}
		status, _ := exit.Sys().(syscall.WaitStatus)
		return 128 + int(status.Signal()), nil
	}
	if err != nil {
		return -1, fmt.Errorf("run borg: %w", err)
	}
	return 0, ctx.Err()
}

// unattended says whether a variable only keeps borg from asking.
func unattended(v string) bool {
	name, _, _ := strings.Cut(v, "=")
	return name == "TZ" || strings.HasSuffix(name, "_IS_OK") || strings.HasSuffix(name, "_I_KNOW_WHAT_I_AM_DOING")
}
