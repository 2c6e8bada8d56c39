// Package doctor looks at whether a controller and its fleet are sound. It only
// looks: nothing is changed.
package doctor

import (
	"context"
	"strconv"
	"time"

	"borgfleet/controller/internal/addresses"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/checkup"
)

// Controller is what a running one is asked.
type Controller interface {
	Ready(context.Context) error
	Service(context.Context) (rest.Service, error)
	Agents(context.Context) ([]rest.Agent, error)
	Repositories(context.Context) ([]rest.Repository, error)
	Jobs(context.Context, client.JobFilter) (rest.JobList, error)
	Schedules(context.Context) ([]rest.Schedule, error)
	Channels(context.Context) ([]rest.Channel, error)
	Rules(context.Context) ([]rest.Rule, error)
}

// Options says what is looked at.
type Options struct {
	DataDir string // empty: a controller elsewhere, of which only REST can tell
	Server  string // URL of that one
	UID     int    // of this process
	Now     func() time.Time

	Controller Controller
	Away       func(error) error // says what an error of Controller means, and what to do
	// Password says whether the first user still has this password.
	Password func(ctx context.Context, password string) (bool, error)
}

// patient is what the checks look at. It is asked once, before the first of
// them, since what is found decides what else there is to look at.
type patient struct {
	o       Options
	away    error // the controller does not answer
	service rest.Service
	doors   addresses.Addresses
	known   bool // the doors are
	unread  error
}

// askTime bounds each question to the controller: one that hangs must not keep
// what its data directory tells.
const askTime = 20 * time.Second

// Checks gives what there is to look at: the data directory, the controller and
// its doors, the hosts, the repositories, the jobs, and who is told of them.
func Checks(ctx context.Context, o Options) []checkup.Check {
	p := &patient{o: o}
	if o.DataDir != "" {
		p.doors, p.known, p.unread = addresses.Load(o.DataDir)
	}
	p.service, p.away = bounded(ctx, o.Controller.Service)
	var checks []checkup.Check
	if o.DataDir != "" {
		checks = append(checks,
			checkup.Check{ID: "data_directory", Title: "Data directory", Run: p.dataDirectory},
			checkup.Check{ID: "disk_space", Title: "Disk space", Run: p.diskSpace},
			checkup.Check{ID: "authority", Title: "Authority", Run: p.authority},
			checkup.Check{ID: "initial_password", Title: "First password", Run: p.initialPassword, Limit: askTime},
			checkup.Check{ID: "recovery_key", Title: "Recovery key", Run: p.recoveryKey},
		)
	}
	checks = append(checks, checkup.Check{ID: "controller", Title: "Controller", Run: p.controller, Limit: askTime})
	if o.DataDir != "" {
		checks = append(checks,
			checkup.Check{ID: "rest_listener", Title: "REST listener", Run: p.restListener},
			checkup.Check{ID: "agent_listener", Title: "Agent listener", Run: p.agentListener},
			checkup.Check{ID: "agent_url", Title: "Agent URL", Run: p.agentURL},
		)
	} else {
		checks = append(checks, checkup.Check{ID: "server_url", Title: "Server URL", Run: p.serverURL})
	}
	if p.away != nil {
		return checks
	}
	checks = append(checks, p.hosts(ctx)...)
	checks = append(checks, p.repositories(ctx)...)
	checks = append(checks, p.waiting(ctx)...)
	return append(checks, p.notifications(ctx)...)
}

// bounded asks the controller something that must not take for ever.
func bounded[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return ask(ctx)
}

// found is a check whose finding is known already.
func found(id, title, subject string, f checkup.Finding) checkup.Check {
	return checkup.Check{ID: id, Title: title, Subject: subject, Run: func(context.Context) checkup.Finding { return f }}
}

// unknown is for what the controller did not tell.
func (p *patient) unknown(id, title string, err error) []checkup.Check {
	return []checkup.Check{found(id, title, "", checkup.Bad("see the controller's log", "the controller does not tell: %v", p.o.Away(err)))}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
