package store

import "time"

// state is what the store has in memory beside the history index. There are
// two: working belongs to the committer and is ahead of the disk by what is
// staged; published is what everybody else reads, and is never ahead.
type state struct {
	active             *activeJobs
	agents             table[string, Agent]
	agentNames         table[string, string]
	formerAgents       table[string, FormerAgent]
	repositories       table[int64, Repository]
	owned              owned
	formerRepositories table[int64, Repository]

	joinTokens  table[string, JoinToken]
	users       table[string, User]
	apiTokens   table[string, APIToken]
	endedLogins table[string, time.Time]
	catalogues  table[int64, Catalogue]
	newLists    table[int64, NewList]
	held        table[heldID, HeldRepository]

	recoveryKeys table[int64, RecoveryKey]
	schedules    table[int64, Schedule]

	leaving    table[int64, bool] // jobs whose logs are not removed whole yet
	gone       gone
	channels   table[int64, Channel]
	rules      table[int64, Rule]
	outboxes   table[int64, Outbox]
	conditions table[conditionID, Condition]
}

func newState() state {
	return state{
		active:       newActiveJobs(),
		agents:       table[string, Agent]{},
		agentNames:   table[string, string]{},
		formerAgents: table[string, FormerAgent]{},
		repositories: table[int64, Repository]{},
		owned:        owned{},
		joinTokens:   table[string, JoinToken]{},
		users:        table[string, User]{},
		apiTokens:    table[string, APIToken]{},
		endedLogins:  table[string, time.Time]{},
		catalogues:   table[int64, Catalogue]{},
		newLists:     table[int64, NewList]{},
		held:         table[heldID, HeldRepository]{},

		formerRepositories: table[int64, Repository]{},
		recoveryKeys:       table[int64, RecoveryKey]{},
		schedules:          table[int64, Schedule]{},
		leaving:            table[int64, bool]{},

		channels:   table[int64, Channel]{},
		rules:      table[int64, Rule]{},
		outboxes:   table[int64, Outbox]{},
		conditions: table[conditionID, Condition]{},
	}
}
