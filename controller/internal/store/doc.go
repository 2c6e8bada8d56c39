// Package store keeps the fleet: jobs and their logs, agents, repositories,
// join tokens, users, the audit log. It speaks of those, and knows alone how they lie in
// Badger.
//
// One goroutine writes. It takes every Update that waits, commits what they
// staged in one synced transaction, and only then changes what is in memory and
// answers. So an answer means "on the disk", one fsync serves everyone who
// waited, and nobody needs a lock against somebody else's write.
//
// What is handed out is shared: a Job's slices, maps and pointers are never
// written to. Change a copy and put it back.
package store
