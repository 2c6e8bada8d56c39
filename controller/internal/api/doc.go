// Package api is the REST API: it reads requests, asks the fleet, and writes
// answers. openapi.json is its contract; a test holds the two together.
//
// A request passes, in this order: the access log, the guard against panics,
// the route table, authentication, the role, the names of the query
// parameters, the handler. Handlers return errors; they are written as
// problem+json in one place.
package api
