package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
	"borgfleet/shared/job"
	"borgfleet/shared/term/cmdline"
)

// values are what a shell proposes, by the names that the help has for them.
func (k *controller) values() map[string]cmdline.Values {
	// A token from standard input would wait for a person who only wants a
	// word completed.
	quiet := *k
	quiet.in = strings.NewReader("")
	active := []string{string(job.Pending), string(job.Running)}
	return map[string]cmdline.Values{
		"AGENT":          {Ask: quiet.proposing(agentNames)},
		"REPOSITORY":     {Ask: quiet.proposing(repositoryNames)},
		"ID":             {Ask: quiet.proposing(jobIDs(nil))},
		"jobs cancel ID": {Ask: quiet.proposing(jobIDs(active))},
		"jobs follow ID": {Ask: quiet.proposing(jobIDs(active))},
		"CHANNEL":        {Ask: quiet.proposing(channelNames)},
		"RULE":           {Ask: quiet.proposing(ruleNames)},
		"EVENT":          {Words: definitions.Events()},
		"TYPE":           {Words: definitions.ChannelTypes()},
		"HOW":            {Words: definitions.TLSModes()},
		"SCHEDULE":       {Ask: quiet.proposing(scheduleNames)},
		"DEPTH":          {Words: []string{"repository", "archives", "data"}},
		"WHAT":           {Words: []string{"skip", "queue"}},
		"USER":           {Ask: quiet.proposing(userNames)},
		"TOKEN":          {Ask: quiet.proposing(tokenIDs)},
		"ROLE":           {Words: definitions.Roles()},
		"KIND":           {Words: append(strings.Split(cmdline.Words(job.Kinds()), ", "), everyKind)},
		"OUTCOME":        {Words: auditOutcomes()},
		"POLICY":         {Words: []string{"failed", "warnings", "all"}},
		"WHICH":          {Words: []string{string(job.FileLogNone), string(job.FileLogChanged), string(job.FileLogAll)}},
		"MODE":           {Words: []string{"repokey-blake2", "repokey", "keyfile-blake2", "keyfile", "authenticated-blake2", "authenticated", "none"}},
	}
}

// proposing asks the controller that the line names.
func (k *controller) proposing(list func(context.Context, *client.Client) ([]string, error)) func(*cli.Context) ([]string, error) {
	return func(c *cli.Context) (words []string, err error) {
		err = k.ask(c, func(ctx context.Context, cl *client.Client) error {
			words, err = list(ctx, cl)
			return err
		})
		return words, err
	}
}

func agentNames(ctx context.Context, cl *client.Client) ([]string, error) {
	agents, err := cl.Agents(ctx)
	names := make([]string, len(agents))
	for i, a := range agents {
		names[i] = a.Name
	}
	return names, err
}

func repositoryNames(ctx context.Context, cl *client.Client) ([]string, error) {
	list, err := cl.Repositories(ctx)
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = cmp.Or(r.Name, r.Path)
	}
	return names, err
}

func userNames(ctx context.Context, cl *client.Client) ([]string, error) {
	users, err := cl.Users(ctx)
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = u.Name
	}
	return names, err
}

func tokenIDs(ctx context.Context, cl *client.Client) ([]string, error) {
	tokens, err := cl.APITokens(ctx)
	ids := make([]string, len(tokens))
	for i, t := range tokens {
		ids[i] = t.ID
	}
	return ids, err
}

// proposedJobs is how many of the newest jobs are proposed.
const proposedJobs = 20

func jobIDs(statuses []string) func(context.Context, *client.Client) ([]string, error) {
	return func(ctx context.Context, cl *client.Client) ([]string, error) {
		f := client.JobFilter{Limit: proposedJobs, Statuses: statuses, Kinds: kinds(everyKind)}
		page, err := cl.Jobs(ctx, f)
		ids := make([]string, len(page.Jobs))
		for i, j := range page.Jobs {
			ids[i] = fmt.Sprint(j.ID)
		}
		return ids, err
	}
}

// spanOf is a number of seconds for people; empty: none.
func spanOf(seconds int64) string {
	switch {
	case seconds == 0:
		return ""
	case seconds%86400 == 0:
		return fmt.Sprintf("%dd", seconds/86400)
	}
	out := strings.TrimSuffix((time.Duration(seconds) * time.Second).String(), "m0s")
	if !strings.HasSuffix(out, "s") {
		out = strings.TrimSuffix(out+"m", "h0m")
	}
	if !strings.ContainsAny(out[len(out)-1:], "ms") {
		out += "h"
	}
	return out
}
