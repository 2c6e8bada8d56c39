// Package local is the agent's unix socket: how a person on the host sees and
// steers the jobs there, with or without the controller. The daemon serves it,
// the command line asks it; both halves and their messages are here.
package local
