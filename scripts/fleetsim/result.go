package main

import (
	"fmt"
	"maps"
	"runtime"
	"slices"

	"borgfleet/shared/term"
)

// result is what a run has measured and found.
type result struct {
	Seed    uint64 `json:"seed"`
	Agents  int    `json:"agents"`
	Running int    `json:"running_jobs"`

	Enrolled      int            `json:"enrolled"`
	EnrolRate     float64        `json:"enrolments_per_second"`
	Connect       float64        `json:"connect_seconds"`
	ConnectFailed map[string]int `json:"connect_failed"`
	Register      float64        `json:"register_seconds"`
	RegisterRate  float64        `json:"registrations_per_second"`

	Jobs     int     `json:"jobs"`
	Lines    uint64  `json:"lines"`
	Rate     load    `json:"load"`
	Acks     spread  `json:"acknowledged"`
	ToOrder  spread  `json:"rest_start_to_order"`
	Drained  float64 `json:"drain_seconds"`
	Late     int64   `json:"cancels_after_the_end"`
	Outages  []outage
	Checked  float64 `json:"check_seconds"`
	Failures map[string]int

	Controller      usage `json:"controller"`
	ControllerIdle  usage `json:"controller_idle"` // before the first agent
	ControllerAgent int64 `json:"controller_bytes_per_agent"`
	Simulator       usage `json:"simulator"`
	SimulatorAgent  int64 `json:"simulator_bytes_per_agent"`

	Differences []string `json:"differences"`
}

// load is what was really sent, of the time in which jobs were started.
type load struct {
	Seconds  float64 `json:"seconds"`
	Running  float64 `json:"running_on_average"`
	Statuses float64 `json:"statuses_per_second"`
	Lines    float64 `json:"lines_per_second"`
	CPU      float64 `json:"controller_cpu"` // processors
	OwnCPU   float64 `json:"simulator_cpu"`
}

// print writes a table for people.
func (r *result) print(s term.Screen) error {
	t := term.Table{Columns: []term.Column{{Title: "what"}, {Title: "seen"}}}
	row := func(what, format string, args ...any) { t.Add(what, fmt.Sprintf(format, args...)) }
	row("machine", "%d processors, %s", runtime.NumCPU(), runtime.Version())
	row("agents, seed", "%d, %d", r.Agents, r.Seed)
	row("enrolled", "%d (%.0f a second)", r.Enrolled, r.EnrolRate)
	row("all connected", "%.1f s", r.Connect)
	row("repositories registered, init played", "%.1f s (%.0f a second)", r.Register, r.RegisterRate)
	row("jobs played, lines of log", "%d, %d", r.Jobs, r.Lines)
	row("running jobs, on average", "%.0f of %d, for %.0f s", r.Rate.Running, r.Running, r.Rate.Seconds)
	row("sent: statuses, lines", "%.0f, %.0f a second", r.Rate.Statuses, r.Rate.Lines)
	row("acknowledged: p50, p99, most", "%.1f, %.1f, %.1f ms (%d)", r.Acks.P50, r.Acks.P99, r.Acks.Max, r.Acks.Count)
	row("REST start to order: p50, p99, most", "%.1f, %.1f, %.1f ms (%d)", r.ToOrder.P50, r.ToOrder.P99, r.ToOrder.Max, r.ToOrder.Count)
	for _, o := range r.Outages {
		row("outage ("+o.How+")", "%.1f s away; all back after %.1f s, all acknowledged after %.1f s", o.Down, o.Back, o.Settled)
		row("  attempts, and failed after", "%d, %s", o.Attempts, reasons(o.Refused))
	}
	row("connections that failed otherwise", "%s", reasons(r.Failures))
	row("controller: RSS, PSS, most", "%s, %s, %s", term.Size(r.Controller.RSS), term.Size(r.Controller.PSS), term.Size(r.Controller.Peak))
	row("controller: an idle agent", "%s", term.Size(r.ControllerAgent))
	row("controller, simulator: processors", "%.2f, %.2f", r.Rate.CPU, r.Rate.OwnCPU)
	row("simulator: RSS, most; an agent", "%s, %s; %s", term.Size(r.Simulator.RSS), term.Size(r.Simulator.Peak), term.Size(r.SimulatorAgent))
	row("compared over REST", "%d jobs in %.1f s", r.Jobs, r.Checked)
	row("differences", "%d", len(r.Differences))
	if err := t.Print(s); err != nil {
		return err
	}
	for _, d := range r.Differences {
		if err := s.Printf("%s\n", d); err != nil {
			return err
		}
	}
	return nil
}

func reasons(by map[string]int) string {
	out := ""
	for _, why := range slices.Sorted(maps.Keys(by)) {
		out += fmt.Sprintf("%d %s; ", by[why], why)
	}
	if out == "" {
		return "none"
	}
	return out[:len(out)-2]
}
