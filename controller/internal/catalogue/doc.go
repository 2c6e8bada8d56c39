// Package catalogue knows which archives of a borg repository belong to a
// registration: those whose names its pattern matches.
package catalogue
