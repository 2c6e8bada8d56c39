// Package schedule says when repositories are backed up, and what follows. It
// decides, and keeps nothing: the agent has the clock and the disk, the controller
// has the definitions.
package schedule
