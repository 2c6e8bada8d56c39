// Package timetable fires the host's schedules. It goes by the definitions on the
// host's disk and by the host's clock, so that backups are made at night with
// nobody there, the controller included.
//
// A fire time makes one backup, whatever happens: its job's key is made of it, and
// a key is used once. What the timetable remembers beside that only keeps it from
// asking again.
package timetable
