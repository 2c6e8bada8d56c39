// Package auth says who is speaking to the REST API: passwords, the tokens
// that a login gives, and the limits on guessing.
package auth
