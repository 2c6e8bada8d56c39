// Package job holds what a job is, for both sides: its words, its life and its
// rules. It does no I/O. Next is the only function that changes a status.
package job
