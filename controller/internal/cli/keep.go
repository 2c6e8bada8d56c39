package cli

import (
	"errors"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/retention"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

const (
	leastLogs     = time.Hour
	leastLogBytes = 1_000_000
	leastJobs     = 1000
)

// readKeep reads what is kept. 0 is for ever.
func readKeep(c *cli.Context) (k retention.Policy, err error) {
	for _, s := range []struct {
		option string
		value  *time.Duration
		least  time.Duration
		words  string
	}{
		{"log-retention", &k.Logs, leastLogs, "an hour"},
		{"history-retention", &k.History, retention.LeastHistory, "31 days"},
		{"audit-retention", &k.Audit, retention.LeastHistory, "31 days"},
	} {
		if *s.value, err = cmdline.Span(c.String(s.option)); err != nil {
			return k, errors.New("--" + s.option + ": " + err.Error() + "; 0 keeps for ever")
		}
		if *s.value != 0 && *s.value < s.least {
			return k, errors.New("--" + s.option + " is " + s.words + " at least, or 0 to keep for ever")
		}
	}
	if k.History != 0 && k.Logs > k.History {
		return k, errors.New("--log-retention is longer than --history-retention: a log goes with its job. 0 keeps logs as long as their jobs")
	}
	if k.LogBytes, err = cmdline.Size(c.String("log-retention-size")); err != nil {
		return k, errors.New("--log-retention-size: " + err.Error())
	}
	if k.LogBytes != 0 && k.LogBytes < leastLogBytes {
		return k, errors.New("--log-retention-size is " + term.Size(leastLogBytes) + " at least, or 0 for no limit")
	}
	if k.Jobs, err = strconv.Atoi(c.String("history-retention-jobs")); err != nil || k.Jobs < 0 || k.Jobs > 0 && k.Jobs < leastJobs {
		return k, errors.New("--history-retention-jobs is a number from " + strconv.Itoa(leastJobs) + " on, or 0 for no limit")
	}
	return k, nil
}
