// Package apitest holds the API's answers against its contract: every answer
// against openapi.json, and those of the documented API against its examples.
package apitest
