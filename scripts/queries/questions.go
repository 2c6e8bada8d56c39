package main

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"borgfleet/scripts/testenv"
)

// question is what is asked again and again; with several paths, in turn.
type question struct {
	name  string
	paths []string
}

func page(name, query string) question {
	return question{name, []string{"/api/backup/jobs?limit=50&" + query}}
}

const deep = 100_000 // jobs before the page that a far cursor points to

// questions are pages by all kinds of filters, dense, sparse and without a match, and
// the answers about the whole fleet.
func (b *bench) questions(api *testenv.API, s size) ([]question, error) {
	fleet := []question{
		{"summary of the fleet", []string{"/api/fleet/summary"}},
		{"stale hosts", []string{"/api/fleet/hosts?stale=true"}},
	}
	if s.fleetOnly {
		return fleet, nil
	}
	a, err := b.oneOf(api)
	if err != nil {
		return nil, err
	}
	day := func(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format(time.RFC3339) }
	all := []question{
		page("all backups", ""),
		page("every kind", "kind=backup&kind=prune&kind=compact&kind=check&kind=list&kind=restore"),
		page("an agent", "agent="+a.agent),
		page("a label of an eighth of the agents", "label=site%3Dberlin"),
		page("a label of a few agents", "label=rack%3Dold"),
		page("a repository", "repository="+a.repository),
		page("failed", "status=failed"),
		page("failed, cancelled or with warnings", "status=failed&status=cancelled&status=completed_with_warnings"),
		page("waiting or running", "status=pending&status=running"),
		page("prunes", "kind=prune"),
		page("restores", "kind=restore"),
		page("a schedule", fmt.Sprint("schedule_id=", a.schedule)),
		page("scheduled only", "scheduled_only=true"),
		page("manual only", "manual_only=true"),
		page("a month, a year and a half ago", "since="+day(570)+"&until="+day(540)),
		page("sparse: an agent's failed", "status=failed&agent="+a.agent),
		page("sparse: cancelled checks of a label", "kind=check&status=cancelled&label=rack%3Dold"),
		page("sparse: an agent's cancelled restores", "kind=restore&status=cancelled&agent="+a.agent),
		page("no match: another agent's repository", "repository="+a.other+"&agent="+a.agent),
		page("no match: a kind that none has", "kind=break-lock"),
		page("no match: a schedule's restores", fmt.Sprint("kind=restore&schedule_id=", a.schedule)),
		page("all filters at once", fmt.Sprintf("agent=%s&repository=%s&label=%s&status=completed&status=failed&kind=backup&schedule_id=%d&scheduled_only=true&since=%s&until=%s",
			a.agent, a.repository, a.label, a.schedule, day(500), day(20))),
	}
	if s.jobs > 2*deep {
		cursor, err := far(api)
		if err != nil {
			return nil, err
		}
		all = append(all, page(fmt.Sprint("a cursor, ", deep, " jobs in"), "cursor="+cursor))
	}
	all = append(all, anywhere(), inTurn(all))
	return append(all, append(fleet,
		question{"one job", []string{fmt.Sprint("/api/backup/status/", a.job)}},
		question{"a page of its log", []string{fmt.Sprintf("/api/backup/logs/%d/stream", a.job)}},
	)...), nil
}

// subject is what the questions are about.
type subject struct {
	agent, label      string
	repository, other string // the second one is another agent's
	schedule, job     int64
}

// oneOf picks a backup of a schedule, not of the newest.
func (b *bench) oneOf(api *testenv.API) (subject, error) {
	var list struct{ Jobs []testenv.Job }
	if err := api.Get("/api/backup/jobs?limit=1000&scheduled_only=true&status=completed", &list); err != nil {
		return subject{}, err
	}
	if len(list.Jobs) < 2 {
		return subject{}, fmt.Errorf("there are no scheduled backups to ask for")
	}
	one, other := list.Jobs[len(list.Jobs)/2], list.Jobs[0]
	for _, j := range list.Jobs {
		if j.Agent != one.Agent {
			other = j
		}
	}
	var agent struct{ Labels map[string]string }
	if err := api.Get("/api/agents/"+one.Agent, &agent); err != nil {
		return subject{}, err
	}
	return subject{
		agent: one.Agent, label: url.QueryEscape("site=" + agent.Labels["site"]), schedule: one.ScheduleID, job: one.ID,
		repository: url.QueryEscape(one.Repository), other: url.QueryEscape(other.Repository),
	}, nil
}

// far reads pages until a cursor is deep.
func far(api *testenv.API) (string, error) {
	cursor := ""
	for range deep / 1000 {
		var list struct {
			Next string `json:"next_cursor"`
		}
		path := "/api/backup/jobs?limit=1000"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		if err := api.Get(path, &list); err != nil {
			return "", err
		}
		if cursor = list.Next; cursor == "" {
			return "", fmt.Errorf("there are no %d backups", deep)
		}
	}
	return cursor, nil
}

// anywhere has pages from all over the history: nothing that was read before helps.
func anywhere() question {
	q := question{name: "from anywhere in two years"}
	draw := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		at := time.Now().UTC().Add(-time.Duration(draw.Int64N(int64(729 * 24 * time.Hour))))
		q.paths = append(q.paths, "/api/backup/jobs?limit=50&until="+at.Format(time.RFC3339))
	}
	return q
}

// inTurn asks all of these, one after another.
func inTurn(of []question) question {
	q := question{name: "all of the above in turn"}
	for i := range 200 {
		for _, one := range of {
			q.paths = append(q.paths, one.paths[i%len(one.paths)])
		}
	}
	return q
}

// wants says that a question is one of those that -only names.
func (b *bench) wants(q question) bool { return strings.Contains(q.name, b.only) }
