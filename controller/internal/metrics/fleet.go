package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

// Fleet is what is asked of the fleet.
type Fleet interface {
	Census() fleet.Census
	BackupStates(context.Context) ([]fleet.BackupState, error)
}

// reports is what is told of the agents' messages.
type reports struct {
	records   prometheus.Counter
	registers prometheus.Counter
	took      prometheus.Histogram
	lists     *prometheus.CounterVec
}

func newReports() reports {
	r := reports{
		records: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "log_records_total", Help: "Log records of jobs that were taken in.",
		}),
		registers: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "registers_total", Help: "Registers of jobs (how they stand) that were taken in.",
		}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "acknowledgement_duration_seconds",
			Help:    "From the arrival of an agent's message about jobs until it was taken in, on the disk where it has to be, and could be acknowledged.",
			Buckets: spans(),
		}),
		lists: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "catalogue_lists_total", Help: "Lists of archives by what became of them.",
		}, []string{"outcome"}),
	}
	for _, outcome := range []fleet.ListOutcome{fleet.ListTaken, fleet.ListUnfit, fleet.ListUnwanted} {
		r.lists.WithLabelValues(string(outcome)) // 0 is a value, too
	}
	return r
}

func (r reports) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.records, r.registers, r.took, r.lists}
}

// Records is fleet.Meter's.
func (r reports) Records(n int) { r.records.Add(float64(n)) }

// Register is fleet.Meter's.
func (r reports) Register() { r.registers.Inc() }

// Reported is fleet.Meter's.
func (r reports) Reported(took time.Duration) { r.took.Observe(took.Seconds()) }

// List is fleet.Meter's.
func (r reports) List(outcome fleet.ListOutcome) { r.lists.WithLabelValues(string(outcome)).Inc() }

func fleetReading(fl Fleet) prometheus.Collector {
	agents := gauge("agents", "Enrolled agents by how they are: online, offline or revoked.", "state")
	jobs := gauge("jobs", "Jobs that have not ended, by status: pending or running.", "status")
	waiting := gauge("jobs_waiting", "Pending jobs by what they wait for.", "reason")
	lists := gauge("catalogue_lists_waiting", "Lists of archives that are not in the catalogue yet.")
	online := gauge("agent_online", "1 while the agent is connected.", "agent")
	contact := gauge("agent_last_contact_timestamp_seconds", "When the agent last said something.", "agent")
	expiry := gauge("agent_certificate_expiry_timestamp_seconds", "When the agent's certificate expires. Agents renew them at two thirds of their life.", "agent")
	return reading{[]family{agents, jobs, waiting, lists, online, contact, expiry}, func(out sink) error {
		c := fl.Census()
		connected, pending := 0, 0
		for _, a := range c.Agents {
			labels := pairs(online.labels, []string{a.Name})
			out.with(online, truth(a.Online), labels)
			out.moment(contact, a.LastContactAt, labels)
			out.moment(expiry, a.CertificateExpiresAt, labels)
			if a.Online {
				connected++
			}
		}
		for reason, n := range c.Waiting {
			out.put(waiting, float64(n), string(reason))
			pending += n
		}
		out.put(agents, float64(connected), "online")
		out.put(agents, float64(len(c.Agents)-connected), "offline")
		out.put(agents, float64(c.Revoked), "revoked")
		out.put(jobs, float64(pending), string(job.Pending))
		out.put(jobs, float64(c.Running), string(job.Running))
		out.put(lists, float64(c.ListsWaiting))
		return nil
	}}
}
