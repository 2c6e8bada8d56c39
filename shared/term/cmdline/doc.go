// Package cmdline is what both programs' command lines have in common, on top
// of urfave/cli: options may stand after arguments, every option is also an
// environment variable, help has one form, and one table of exit statuses.
//
// Nothing here ends the process or writes to the process's own streams.
package cmdline
