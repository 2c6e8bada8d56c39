// Package metrics is what Prometheus is told of the controller and of the backups.
// Nothing else here knows of Prometheus: who has something to be counted declares
// whom it tells, and Metrics is that.
//
// What happens is counted when it happens, which costs some tens of nanoseconds.
// What is, is read when somebody asks, from memory, and so has no series of what
// is not there any more. No label holds an id of a job: there would be no end of
// them. docs/monitoring.md lists all there is.
package metrics
