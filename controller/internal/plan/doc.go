// Package plan compares definitions with what a fleet has, and says what is to be
// done. It asks nobody and does nothing: the command line does.
package plan
