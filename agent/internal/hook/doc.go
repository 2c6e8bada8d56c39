// Package hook runs programs of the host's owner, which an order can name and
// not bring along.
//
// A hook is opened component by component, no link is followed, and nobody but
// root and the agent's account may be able to change what is on the way. What was
// opened and looked at is what is executed. It gets an environment that is made
// from nothing, no descriptor of ours but its own file, and a time limit; what it
// leaves behind is ended.
package hook
