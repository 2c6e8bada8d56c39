// Package ptytest lets tests look at a program as a person sees it: on a
// terminal of a given size.
package ptytest
