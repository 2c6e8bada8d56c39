package scripts

import (
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/proto"

	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// definitions puts into the state directory what a controller would have told
// this host of: definitions
func definitions(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: definitions")
	}
	data, err := proto.Marshal(&fleetv1.WatchResponse{StoreId: "s", Repositories: []*fleetv1.Repository{
		{Id: 4, Name: "web", Path: ts.Getenv("WORK") + "/borgs/web", Encryption: "none", SourceDirectories: []string{ts.Getenv("WORK")}},
		{Id: 5, Name: "db", Path: "bk@store.invalid:db", Encryption: "repokey", SourceDirectories: []string{ts.Getenv("WORK") + "/none"}},
	}})
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("BORGFLEET_STATE_DIR"), "desired"), data, 0o600))
}
