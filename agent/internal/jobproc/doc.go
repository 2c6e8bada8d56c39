// Package jobproc is the job process: the agent started once more, in a session
// of its own, for one job. It owns borg, writes the job's journal and register,
// and leaves the verdict on disk. The daemon only watches the directory, so
// upgrading, restarting or killing it does not end a backup that takes hours.
//
// The job process itself may die at any moment too. Its successor finds the
// directory as it was left: nothing begun, borg still running, or borg gone.
package jobproc
