package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/google/uuid"
)

// ErrOtherMachine says that a state directory is not the machine's it is on.
var ErrOtherMachine = errors.New("was made on another machine")

// HostMachineID reads the host's own machine-id; it is empty on a host that has
// none.
func HostMachineID() (string, error) {
	return machineID("/etc/machine-id", "/var/lib/dbus/machine-id")
}

func machineID(files ...string) (string, error) {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("read the host's machine-id: %w", err)
		}
		// systemd leaves the word in images that have not been started yet.
		if id := strings.TrimSpace(string(data)); id != "" && id != "uninitialized" {
			return id, nil
		}
	}
	return "", nil
}

// MachineIDOrNew is the host's own id as read tells it, or one made for a host
// that has none.
func MachineIDOrNew(read func() (string, error)) (string, error) {
	id, err := read()
	if err != nil || id != "" {
		return id, err
	}
	return strings.ReplaceAll(uuid.NewString(), "-", ""), nil
}

// CheckMachine refuses to go on as id when its state directory was copied to
// another machine: two with one identity would share certificate and history,
// and with one BORG_HOST_ID each takes the other's living locks for stale. A
// host without an id of its own cannot be told from another.
func (d Dir) CheckMachine(id Identity, read func() (string, error)) error {
	host, err := read()
	if err != nil {
		return err
	}
	if host == "" || host == id.MachineID {
		return nil
	}
	return fmt.Errorf("%s %w: its machine-id is not this host's, and two machines must not be one agent. "+
		"If it was moved here on purpose and the old machine is gone, run: borgfleet-agent enroll --moved --state-dir %s. "+
		"If this host is a copy of one that goes on, make it an agent of its own: enrol it with a new join token and an empty --state-dir",
		d.path, ErrOtherMachine, d.path)
}
