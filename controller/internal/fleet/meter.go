package fleet

import "time"

// Meter hears what comes from the agents. It is told on the way of every message,
// and within the store's committer: it must not block.
type Meter interface {
	Records(n int)               // log records that the disk has now
	Register()                   // a register that was taken in
	Reported(took time.Duration) // a message about jobs, from its arrival until the disk had it
	List(outcome ListOutcome)    // a list of archives that came to its end here
}

// ListOutcome is what became of a list of archives.
type ListOutcome string

// What may become of a list.
const (
	ListTaken    ListOutcome = "taken"    // into the catalogue
	ListUnfit    ListOutcome = "unfit"    // it cannot be the truth
	ListUnwanted ListOutcome = "unwanted" // there is a newer one, or the repository has gone
)

func measured(m Meter) Meter {
	if m == nil {
		return unmeasured{}
	}
	return m
}

type unmeasured struct{}

func (unmeasured) Records(int)            {}
func (unmeasured) Register()              {}
func (unmeasured) Reported(time.Duration) {}
func (unmeasured) List(ListOutcome)       {}
