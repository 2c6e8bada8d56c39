// Package recovery remembers which repositories' keys and passphrases this host
// has sealed to the recovery key, and says of which that is due.
package recovery
