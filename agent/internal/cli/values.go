package cli

import (
	"cmp"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/job"
	"borgfleet/shared/term/cmdline"
)

// values are what a shell proposes, by the names that the help has for them.
func (a *agent) values() map[string]cmdline.Values {
	return map[string]cmdline.Values{
		"REPOSITORY": {Ask: a.repositoryNames},
		"JOB":        {Ask: a.jobNames(false)},
		"cancel JOB": {Ask: a.jobNames(true)},
		"PATTERN":    {Dirs: true},
	}
}

func (a *agent) repositoryNames(c *cli.Context) (names []string, err error) {
	err = a.ask(c, func(client *local.Client) error {
		st, err := client.Status(c.Context)
		for _, r := range st.Repositories {
			names = append(names, cmp.Or(r.Name, r.Path))
		}
		return err
	})
	return names, err
}

// proposedJobs is how many of the newest jobs are proposed.
const proposedJobs = 20

func (a *agent) jobNames(activeOnly bool) func(*cli.Context) ([]string, error) {
	return func(c *cli.Context) (names []string, err error) {
		err = a.ask(c, func(client *local.Client) error {
			jobs, err := client.Jobs(c.Context, proposedJobs)
			for _, j := range jobs {
				if !activeOnly || !job.Status(j.Status).Final() {
					names = append(names, ref(j))
				}
			}
			return err
		})
		return names, err
	}
}
