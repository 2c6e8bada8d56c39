// Package apitest lets tests outside the controller hold REST answers against
// its contract.
package apitest

import (
	"testing"

	"borgfleet/controller/internal/api/apitest"
)

// NewChecker reads the contract; see RoundTripper.
func NewChecker(t testing.TB) *apitest.Checker { return apitest.NewChecker(t) }

// CheckDocumented holds an answer against an example of the documented API.
func CheckDocumented(t testing.TB, name string, body []byte) { apitest.CheckDocumented(t, name, body) }
