package schedule

import "time"

// State is how a schedule stands for one repository, as its host tells it.
type State struct {
	Schedule   int64
	Name       string // known to the host only
	Paused     bool   // the same
	Repository int64
	Cron       string // that the host goes by
	Next       time.Time
	Missed     []Missed // oldest first
	Problem    string   // why the host cannot go by it; empty: it does
	Ping       string   // why the host does not call its ping URL; empty: it does, or there is none
}
