package jobdir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"google.golang.org/protobuf/proto"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// SetExpected keeps which archives the controller says there must be. It is
// durable when SetExpected returns nil.
func (d *Dir) SetExpected(e *fleetv1.ExpectedArchives) error {
	b, err := proto.Marshal(e)
	if err == nil {
		err = atomicfile.Write(d.file(fileExpected), appendFrame(nil, b))
	}
	if err != nil {
		return fmt.Errorf("keep which archives are expected: %w", err)
	}
	return nil
}

// Expected is what SetExpected kept; told is false if nothing is there, which is
// not the same as that there need be none.
func (d *Dir) Expected() (all []job.Archive, told bool, err error) {
	b, err := os.ReadFile(d.file(fileExpected))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	var e fleetv1.ExpectedArchives
	if err == nil {
		b, _, err = nextFrame(b)
	}
	if err == nil {
		err = proto.Unmarshal(b, &e)
	}
	if err != nil {
		return nil, false, fmt.Errorf("read which archives are expected: %w", err)
	}
	return wire.ToArchives(e.Archives), true, nil
}
