package borgmatic

import (
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/definitions"
	"borgfleet/shared/job"
	"borgfleet/shared/schedule"
)

// usualCron is once a night.
const usualCron = "0 1 * * *"

// schedule is what runs borgmatic, which no configuration of it says, and what
// follows a backup, which it does.
func (im *importer) schedule(base definitions.Repository) {
	s := definitions.Schedule{Name: "borgmatic", CronExpression: usualCron, Splay: 3600, RunPruneAfter: base.Retention != nil, RunCompactAfter: base.Retention != nil}
	if im.Label != "" {
		s.Name = "borgmatic " + strings.ReplaceAll(im.Label, "=", " ")
	}
	if !im.skips(&s) {
		im.checks(&s)
	}
	im.retries(&s)
	for _, r := range im.result.Defined.Repositories {
		s.Repositories = append(s.Repositories, definitions.Reference{Name: r.Name})
	}
	if len(s.Repositories) == 0 {
		return
	}
	im.doubt(&yaml.Node{}, "schedule", "when borgmatic runs is said by cron or a systemd timer, and not here: once a night, from 1:00 to 2:00 in the host's time zone, is put in its place. End that timer when the schedule runs")
	im.result.Defined.Schedules = append(im.result.Defined.Schedules, s)
}

// skips takes the steps out that are not to follow a backup, and says whether the
// check is one of them.
func (im *importer) skips(s *definitions.Schedule) (check bool) {
	o := im.take("skip_actions")
	for _, e := range im.entries(o) {
		switch e.text {
		case "prune":
			s.RunPruneAfter = false
		case "compact":
			s.RunCompactAfter = false
		case "check":
			check = true
			if checks := im.take("checks"); checks != nil {
				im.refuse(checks.key, checks.label(), "skip_actions leaves the check out, so the schedule has none")
			}
		default:
			im.refuse(e.node, o.label(), "%s is no step that follows a backup here", e.text)
			continue
		}
		im.doubt(e.node, o.label(), "no %s follows a backup", e.text)
	}
	return check
}

// retries are within the bounds of a schedule; borgmatic has none.
func (im *importer) retries(s *definitions.Schedule) {
	count, o := im.numberOf("retries")
	s.Retries = int(min(count, schedule.MostRetries))
	if int64(s.Retries) != count {
		im.doubt(o.value, o.label(), "%d are the most that a schedule has, and are put in its place", s.Retries)
	}
	const least, most = int64(schedule.LeastRetryDelay / time.Second), int64(schedule.MostRetryDelay / time.Second)
	wait, o := im.numberOf("retry_wait")
	if wait == 0 {
		return
	}
	delay := definitions.Seconds(min(max(wait, least), most))
	if int64(delay) != wait {
		im.doubt(o.value, o.label(), "a schedule waits from %d to %d seconds before it tries again: %d are put in its place", least, most, delay)
	}
	s.RetryDelay = &delay
}

// check is one of the checks of the configuration.
type check struct {
	name    string
	every   time.Duration
	longest definitions.Seconds
	node    *yaml.Node
}

// checks are one check that looks at all that theirs look at, as often as the most
// frequent of them.
func (im *importer) checks(s *definitions.Schedule) {
	o := im.take("checks")
	all := []check{{name: "repository"}, {name: "archives"}}
	if o != nil {
		all = im.readChecks(o)
	}
	var depths []string
	var longest definitions.Seconds
	every := time.Duration(-1)
	differ := false
	for _, c := range all {
		switch c.name {
		case "repository", "archives", "data":
			depths, longest = append(depths, c.name), max(longest, c.longest)
			differ = differ || every >= 0 && c.every != every
			if every < 0 || c.every < every {
				every = c.every
			}
		case "disabled":
			if len(all) > 1 {
				im.refuse(o.key, o.label(), "disabled counts before the others: no check follows a backup")
			}
			return
		default:
			im.refuse(c.node, o.label(), "there is no check %s here", c.name)
		}
	}
	if len(depths) == 0 {
		return
	}
	s.RunCheckAfter, s.CheckEvery, s.CheckDepth = true, definitions.Seconds(every/time.Second), depthOf(depths)
	if differ {
		im.doubt(o.key, o.label(), "a schedule has one check: this one looks at all that these look at, as often as the most frequent of them")
	}
	if longest != 0 && s.CheckDepth != string(job.CheckRepository) {
		im.refuse(o.key, o.label()+".max_duration", "borg limits the time of a check of the repository alone; this one looks at archives, too")
		return
	}
	s.CheckMaxDuration = longest
}

func depthOf(names []string) string {
	var repository, archives bool
	for _, name := range names {
		switch name {
		case "data":
			return string(job.CheckData)
		case "repository":
			repository = true
		case "archives":
			archives = true
		}
	}
	switch {
	case repository && archives:
		return string(job.CheckAll)
	case archives:
		return string(job.CheckArchives)
	}
	return string(job.CheckRepository)
}

// readChecks reads names, and sections with a name and a frequency.
func (im *importer) readChecks(o *option) []check {
	nodes := []*yaml.Node{o.value}
	if o.value.Kind == yaml.SequenceNode {
		nodes = o.value.Content
	}
	var out []check
	for _, n := range nodes {
		c := check{node: n}
		if n.Kind == yaml.ScalarNode {
			c.name, _ = im.text(o.label(), n)
		}
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			switch key.Value {
			case "name":
				c.name, _ = im.text(o.label(), value)
			case "frequency":
				c.every = im.frequency(value)
			case "max_duration":
				seconds, err := strconv.ParseInt(value.Value, 10, 32)
				if err != nil || seconds <= 0 {
					im.refuse(value, o.label()+".max_duration", "here must be a number of seconds")
					continue
				}
				c.longest = definitions.Seconds(seconds)
			default:
				im.refuse(key, o.label()+"."+key.Value, "a check here has no such rule")
			}
		}
		if c.name == "" {
			im.refuse(n, o.label(), "the entry names no check")
			continue
		}
		out = append(out, c)
	}
	return out
}

// frequency reads "2 weeks", and always, which is after each backup.
func (im *importer) frequency(n *yaml.Node) time.Duration {
	s, ok := im.text("checks.frequency", n)
	if !ok || s == "always" {
		return 0
	}
	const day = 24 * time.Hour
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": day, "week": 7 * day, "month": 30 * day, "year": 365 * day}
	count, unit, _ := strings.Cut(s, " ")
	number, err := strconv.ParseInt(count, 10, 16)
	length := units[strings.TrimSuffix(unit, "s")]
	if err != nil || number <= 0 || length == 0 || time.Duration(number)*length > schedule.MostCheckEvery {
		im.refuse(n, "checks.frequency", "here must be always, or a number of hours, days, weeks, months, up to a year; it is taken for always")
		return 0
	}
	return time.Duration(number) * length
}
