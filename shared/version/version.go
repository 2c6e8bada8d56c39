// Package version says which build this is and which protocol it speaks.
package version

import "strings"

// Protocol is the version of the link. An agent and a controller work together
// when their numbers are equal; the controller refuses others and says which
// side to upgrade.
//
//	1  2026-11-23  Enroll, Hello, Watch, Report
//	   2026-11-25  GoingAway, draining: who does not know them loses nothing but
//	               an orderly return and a reason for waiting
//	   2026-11-26  the recovery key: who does not know it seals nothing to it
//	   2026-11-26  hooks: an agent says that it knows them, and backups with hooks
//	               wait for one that does
//	   2026-11-26  schedules: an agent that does not know them fires nothing and
//	               confirms nothing, and they are shown as overdue
//	   2026-11-26  steps: what follows a backup is in its spec; an agent that does
//	               not know them makes none, and its backups say that they are to
//	               run, and after a day that they failed
const Protocol = 1

// Store is the version of the controller's data directory. A controller
// refuses to open a newer one: it would drop what it does not know.
//
//	1  2026-11-23  jobs, agents, repositories, join tokens, users, log chunks
//	   2026-11-26  schedules, the steps of backups, and which jobs their agents
//	               announced; nothing that was released has written 1 without them
//	   2026-11-26  rows of the history tell when a job started; those without it
//	               are read too
//	   2026-11-26  the tallies of jobs that are gone, the size of all logs, and
//	               which logs are gone; a store without them counts its logs once
//	   2026-11-26  when the end of a job was recorded, in its row too; those without
//	               it are kept for as long as before
//	   2026-11-26  an entry for each use of a join token; those in the token's own
//	               entry stay good
const Store = 1

// Set by the linker: -X borgfleet/shared/version.version=… and so on. Commit and
// date are not asked of the build's own information: go puts none into what is
// built in a second work tree or from an archive of the source.
var (
	version = "0.1.0-dev"
	commit  = ""
	date    = "" // of the commit, so that the same source makes the same program
)

// String is the build's version, a semantic version without the v.
func String() string { return version }

// Full says for people which build this is: the version, and the commit that it
// was made of and that one's date, as far as they are known.
func Full() string {
	var made []string
	for _, part := range []string{commit, date} {
		if part != "" {
			made = append(made, part)
		}
	}
	if len(made) == 0 {
		return version
	}
	return version + " (" + strings.Join(made, ", ") + ")"
}
