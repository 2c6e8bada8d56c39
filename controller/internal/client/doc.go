// Package client speaks the REST API, over TCP with a token or over the admin
// socket without one.
package client
