// Package history is the index of every job of the fleet, in memory: one
// compact row a job, sorted by creation time and id, scanned newest first. A
// scan of a million rows takes about a millisecond, so every combination of
// filters is fast and no secondary index has to be kept true.
//
// Queries take no lock while they scan. They hold up nobody, and nobody holds
// up them.
package history
