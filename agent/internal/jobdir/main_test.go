package jobdir

import (
	"os"
	"testing"

	"borgfleet/scripts/faultfs"
)

func TestMain(m *testing.M) {
	faultfs.Serving()
	os.Exit(m.Run())
}
