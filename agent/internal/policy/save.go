package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"borgfleet/shared/secretfile"
)

// Save writes the configuration to file, mode 0600, so that a crash leaves the
// old one or the new one. What was invalid is not written. Of a file that is
// there already the comments and the order are kept: it is the owner's.
func (c Config) Save(file string) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("write configuration %s: %w", file, err)
	}
	// The file may be a link into a configuration repository; a rename would
	// replace the link and leave the repository behind.
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write configuration %s: %w", file, err)
	}
	data, err := edit(old, c)
	if err != nil {
		return fmt.Errorf("write configuration %s: %w", file, err)
	}
	// Read back before it counts: an edit that meant something else would
	// change what the controller may do here.
	got, err := Parse(data)
	if err != nil || !reflect.DeepEqual(normalLists(got), normalLists(c)) {
		return fmt.Errorf("write configuration %s: its form is too unusual to be changed by a command (anchors, merged keys): change it by hand", file)
	}
	return secretfile.Write(file, data, 0o600)
}

// normalLists makes empty and absent lists the same; they mean the same.
func normalLists(c Config) Config {
	for _, l := range []*[]string{&c.SSH.Command, &c.Allow.Repositories, &c.Allow.Sources, &c.Allow.Destinations, &c.Allow.Hooks, &c.Allow.Ping} {
		if len(*l) == 0 {
			*l = nil
		}
	}
	if len(c.Repositories) == 0 {
		c.Repositories = nil
	}
	c.Repositories = slices.Clone(c.Repositories)
	for i := range c.Repositories {
		if r := &c.Repositories[i]; len(r.PassphraseCommand) == 0 {
			r.PassphraseCommand = nil
		}
	}
	return c
}
