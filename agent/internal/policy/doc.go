// Package policy is what the host's owner allows the controller to ask for. It
// stands between every order and borg: a controller that was taken over gets no
// further than agent.yaml lets it.
//
// Without more, a controller may init, back up, list and check, from any
// source, and only at the repository locations that the owner named.
package policy
