package cli

import (
	"borgfleet/controller/internal/api/rest"
	"borgfleet/shared/job"
)

// retentionOf is nil for the rule that keeps nothing.
func retentionOf(k job.Keep) *rest.Retention {
	if k == (job.Keep{}) {
		return nil
	}
	r := rest.Retention{Hourly: k.Hourly, Daily: k.Daily, Weekly: k.Weekly, Monthly: k.Monthly, Quarterly: k.Quarterly, Yearly: k.Yearly}
	if k.Within != "" {
		r.Within = &k.Within
	}
	return &r
}

// retentionText is empty for none.
func retentionText(r *rest.Retention) string {
	if r == nil {
		return ""
	}
	return job.Keep{Hourly: r.Hourly, Daily: r.Daily, Weekly: r.Weekly, Monthly: r.Monthly, Quarterly: r.Quarterly, Yearly: r.Yearly, Within: text(r.Within)}.String()
}
