// Package cli is borgfleet-controller's command line: serve, and a thin layer
// over the REST API for all else.
package cli
