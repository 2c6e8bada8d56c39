// Package cli is borgfleet-agent's command line: a thin layer over the agent's
// socket, its enrolment and its configuration.
package cli
