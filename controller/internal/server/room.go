package server

import (
	"fmt"

	"golang.org/x/sys/unix"

	"borgfleet/shared/crowd"
)

// Connections of those that have not proved who they are, where descriptors do
// not make it less. Each holds up to 60 KB after its TLS handshake.
const (
	mostStrangers      = 512  // at REST
	mostStrangerAgents = 2048 // hosts that come back all at once are strangers for a moment

	// agentsAtOnce are worked for together: each is in within a second or two, also
	// where the processors are busy with other things. See crowd.
	agentsAtOnce = 256
)

// room shares this process's descriptors out. A quarter stays with the store: one
// that cannot open its files has failed.
func room() (rest, agents crowd.Limits, err error) {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return rest, agents, fmt.Errorf("ask how many files may be open: %w", err)
	}
	n := int(min(files.Cur, 1<<20))
	rest = crowd.Limits{Strangers: min(mostStrangers, n/16), Each: 64, All: n / 8}
	agents = crowd.Limits{Strangers: min(mostStrangerAgents, n/16), AtOnce: agentsAtOnce, Each: 8, All: n / 8 * 5}
	return rest, agents, nil
}
