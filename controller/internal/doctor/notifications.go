package doctor

import (
	"context"
	"slices"
	"strings"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/checkup"
	"borgfleet/shared/term"
)

// longFailing is when a channel is taken for broken; receivers are restarted, too.
const longFailing = time.Hour

// notifications are a word on whether anybody is told anything, and each channel and
// rule by which nobody is. Who is told by other means needs none of it.
func (p *patient) notifications(ctx context.Context) []checkup.Check {
	channels, err := bounded(ctx, p.o.Controller.Channels)
	if err != nil {
		return p.unknown("notifications", "Notifications", err)
	}
	rules, err := bounded(ctx, p.o.Controller.Rules)
	if err != nil {
		return p.unknown("notifications", "Notifications", err)
	}
	all := []checkup.Check{found("notifications", "Notifications", "", p.told(ctx, channels, rules))}
	for _, c := range channels {
		if f := channel(c, rules, p.o.Now()); f.State != checkup.OK {
			all = append(all, found("channel", "Channel", c.Name, f))
		}
	}
	return append(all, p.rules(ctx, rules)...)
}

// told says who hears of trouble; that nobody does is a hint, and no fault.
func (p *patient) told(ctx context.Context, channels []rest.Channel, rules []rest.Rule) checkup.Finding {
	parts := []string{plural(len(channels), "channel", "channels") + ", " + plural(len(rules), "rule", "rules")}
	switch {
	case len(channels) == 0:
		parts = []string{"there is no channel, so the controller tells nobody anything (to make one: borgfleet-controller notifications channels create)"}
	case !slices.ContainsFunc(rules, func(r rest.Rule) bool { return r.Enabled }):
		parts = append(parts, "no rule is enabled, so nobody is told anything (to make one: borgfleet-controller notifications rules create)")
	}
	if schedules, err := bounded(ctx, p.o.Controller.Schedules); err == nil && len(schedules) > 0 &&
		!slices.ContainsFunc(schedules, func(s rest.Schedule) bool { return s.PingTarget != nil }) {
		parts = append(parts, "no schedule has a ping URL: a host that is gone is missed by this controller alone (to give one: borgfleet-controller schedules change NAME --ping-url-file FILE)")
	}
	return checkup.Good("%s", strings.Join(parts, "; "))
}

func channel(c rest.Channel, rules []rest.Rule, now time.Time) checkup.Finding {
	name, d := term.Shell(c.Name), c.Delivery
	if d.FailingSince != nil {
		todo := "once that is dealt with, try it: borgfleet-controller notifications test " + name + "\nor give it other settings: borgfleet-controller notifications channels change " + name
		f := checkup.Warning(todo, "it has not delivered since %s, %d wait: %s", moment(d.FailingSince), d.Waiting, deref(d.LastError))
		if since(d.FailingSince, now) >= longFailing {
			f.State = checkup.Fail
		}
		return f
	}
	if !slices.ContainsFunc(rules, func(r rest.Rule) bool { return r.Enabled && slices.Contains(r.Channels, c.ID) }) {
		return checkup.Warning("borgfleet-controller notifications rules create NAME --event failure --event stale --event recovered --to "+name, "no enabled rule leads to it, so it tells nothing")
	}
	return checkup.Good("")
}
