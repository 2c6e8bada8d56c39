package borgmatic

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/definitions"
	"borgfleet/shared/job"
)

// limits are the options of borg that come over as they are.
func (im *importer) limits(r *definitions.Repository) {
	if c, o := im.word("compression"); c != "" {
		if err := job.CheckCompression(c); err != nil {
			im.refuse(o.value, o.label(), "%v", err)
		} else {
			r.Compression = c
		}
	}
	r.UploadRatelimit = im.number("upload_rate_limit")
	if old, o := im.numberOf("remote_rate_limit"); r.UploadRatelimit == 0 { // its name up to 1.6
		r.UploadRatelimit = old
	} else if old != 0 {
		im.refuse(o.key, o.label(), "upload_rate_limit counts, which is its new name")
	}
	r.CheckpointInterval = definitions.Seconds(im.number("checkpoint_interval"))
	r.LockWait = definitions.Seconds(im.number("lock_wait"))
}

// retention is what a prune keeps.
func (im *importer) retention(r *definitions.Repository) {
	keep := definitions.Retention{
		KeepHourly: im.number("keep_hourly"), KeepDaily: im.number("keep_daily"), KeepWeekly: im.number("keep_weekly"),
		KeepMonthly: im.number("keep_monthly"), KeepQuarterly: im.number("keep_3monthly"), KeepYearly: im.number("keep_yearly"),
	}
	within, o := im.word("keep_within")
	if within != "" {
		if err := job.CheckWithin(within); err != nil {
			im.refuse(o.value, o.label(), "%v", err)
		} else {
			keep.KeepWithin = within
		}
	}
	if keep == (definitions.Retention{}) {
		return
	}
	if err := keep.Keep().Check(); err != nil {
		im.refuse(im.retentionNode(), "retention", "%v", err)
		return
	}
	r.Retention = &keep
}

// retentionNode is where retention begins.
func (im *importer) retentionNode() *yaml.Node {
	for _, o := range im.options {
		if strings.HasPrefix(o.name, "keep_") {
			return o.key
		}
	}
	return &yaml.Node{}
}
