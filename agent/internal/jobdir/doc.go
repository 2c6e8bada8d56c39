// Package jobdir is one job's directory on the agent's disk:
//
//	spec         the order and the first register, written once
//	lock         flock: held by the job process; only its holder writes here
//	borg.lock    flock: held by borg itself, to its end
//	desired      run or cancel: the daemon's wish
//	acked        first journal number that the controller does not hold
//	id           the job's integer id, once the controller gave it
//	started      borg is about to be, or was, executed
//	status       the register: a latest value, synced
//	progress     a newer one that is not synced
//	journal/     the log, append-only
//	*.fifo       borg's stderr and stdout
//	*.spool      what was taken out of them and is not journalled yet
//	scratch-*/   borg's own directories while a restore runs
//	exit         how borg ended; read while there is no verdict that says it
//	verdict      the last word, written once
//
// desired, acked and id are the daemon's; all else is written by the holder of
// lock. Every file is replaced whole or only appended to, so that a reader
// needs no lock, and nothing here depends on what a process remembers.
package jobdir
