// Package recovery is the fleet's recovery key on the side of people: how its
// private half comes to the person who installs, and leaves no trace here.
package recovery
