// Package borg is everything the agent knows about borg: how it is called,
// what it says, what its end means. Nothing else in the agent builds a command
// line for borg, reads its output or judges its exit code.
//
// Versions 1.2 and 1.4 are supported. The 2.0 betas are recognised, so that
// they can be refused in words that help.
package borg
