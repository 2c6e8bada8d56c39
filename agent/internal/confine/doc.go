// Package confine starts a program that can change nothing on this host but a
// few directories.
//
// A restore needs it: borg follows a symlink that is in the way of a folder,
// be it one that an account of the host has put there or one out of the archive,
// and then writes, as root, where nobody allowed it.
//
// There are two means, and both are used where they are to be had:
//
//   - a mount namespace in which all is read-only but those directories. Nothing
//     outside can be changed, times, rights and owners included. It takes root.
//   - Landlock, for every account. It knows writing, making and removing, but
//     not chmod, chown, utimes and setxattr. It also keeps a program from following
//     /proc/PID/root into another process's namespace; where there is none, the
//     namespace has no procfs.
//
// Both hold for a thread and what it starts. So each program is started by a
// thread that is thrown away afterwards; the process itself stays as it was.
// Libraries for Landlock restrict the whole process.
package confine
