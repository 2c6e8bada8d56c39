// Package definitions is the file in which people write down what a fleet's
// repositories and schedules are to be. It has the fields of REST, says for which
// hosts an entry is, and names secrets by where they are.
package definitions
