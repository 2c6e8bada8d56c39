package store

// state is what the store has in memory beside the history index. There are
// two: working belongs to the committer and is ahead of the disk by what is
// staged; published is what everybody else reads, and is never ahead.
type state struct {
	active       *activeJobs
	agents       table[string, Agent]
	agentNames   table[string, string]
	repositories table[int64, Repository]
	joinTokens   table[string, JoinToken]
	users        table[string, User]
}

func newState() state {
	return state{
		active:       newActiveJobs(),
		agents:       table[string, Agent]{},
		agentNames:   table[string, string]{},
		repositories: table[int64, Repository]{},
		joinTokens:   table[string, JoinToken]{},
		users:        table[string, User]{},
	}
}
