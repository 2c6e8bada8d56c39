// Package term shows things to people: tables that fit the terminal, sizes and
// times that can be read, and a progress line. What comes from other hosts is
// made harmless first (see Clean): a file name must not drive the terminal of
// whoever looks at it.
package term
