package policy

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// readOwn reads a file that only its owner can have written: whoever else could
// write agent.yaml would have the rights of the agent, for it names programs.
// Owners are root, the account that reads, and the owner of the directory, which
// is the agent's account when root looks.
func readOwn(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var st, dir unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, fmt.Errorf("look at %s: %w", file, err)
	}
	if err := unix.Stat(filepath.Dir(file), &dir); err != nil {
		return nil, fmt.Errorf("look at %s: %w", filepath.Dir(file), err)
	}
	switch {
	case st.Uid != 0 && int(st.Uid) != os.Geteuid() && st.Uid != dir.Uid:
		return nil, fmt.Errorf("%s belongs to another account (%d), which could have the agent run anything: chown it to the agent's", file, st.Uid)
	case st.Mode&0o022 != 0:
		return nil, fmt.Errorf("%s can be written by others (mode %04o), who could have the agent run anything: chmod go-w %s", file, st.Mode&0o7777, file)
	}
	return io.ReadAll(f)
}
