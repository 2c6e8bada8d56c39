package borg

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxMessage is the most that a verdict's message takes.
const maxMessage = 1000

// explain says why borg failed: the code by the msgid first and the exit code
// second, the message in borg's own words as far as they help.
func explain(exit Exit, t *Tracker, knownHosts string) (code, message string) {
	code, message = reason(exit, t)
	if c := t.CacheDamage(); c != nil && (code == CodeBorgCrashed || code == CodeRepoCorrupt) {
		return CodeCacheDamaged, clip("borg's cache of this repository on this host is damaged, as after a power cut: "+c.Reason, maxMessage)
	}
	switch code {
	case CodeRepoUnreachable, CodeRemoteBorg:
		code, message = connection(code, message, t, knownHosts)
	case CodeRepoLocked:
		// "Failed to create/acquire the lock X ([Errno 13] Permission denied)"
		if c := codeOfException(message); c != CodeBorgCrashed {
			code = c
		}
	case CodePassphraseAbsent:
		if strings.Contains(message, "BORG_PASSPHRASE is not set") {
			message = "borg needs a passphrase for this repository, and none was given: register it with one, or name its file or command below repositories: in agent.yaml"
		}
	case CodePassphraseWrong:
		// borg lists the variables and descriptors it was given; no person set those.
		message = "the passphrase given for this repository is wrong"
	case CodeRepoUntrusted:
		message += "; the repository is not encrypted and this host has not used it before: if that is right, register it with encryption none"
	case CodeRepoRelocated:
		message += "; the repository was at another place when this host used it last"
	}
	return code, clip(message, maxMessage)
}

func reason(exit Exit, t *Tracker) (code, message string) {
	f := t.Failure()
	switch {
	case f == nil:
		return unsaid(exit, t)
	case strings.Contains(f.Message, tracebackHead):
		// The server's traceback, named after Python's exception.
		line := exceptionLine(f.Message)
		if code = codeOfMsgID(f.MsgID); code == "" {
			code = codeOfException(line)
		}
		return code, withDisk(line, t)
	}
	code = codeOfMsgID(f.MsgID)
	switch {
	case f.MsgID == "Exception" || code == "" && t.Exception() != "":
		line := t.Exception()
		if line == "" {
			line = f.Message
		}
		if code = codeOfException(line); t.noSpace != "" {
			code = CodeRepoDiskFull
		}
		return code, withDisk(line, t)
	case code == "" && f.MsgID == "" && exit.Signal != 0:
		return unsaid(exit, t)
	case code == "":
		code = codeOfExitCode(exit.Code)
		if t.noSpace != "" {
			code = CodeRepoDiskFull
		}
	case code == CodeBorgKilled:
		return code, fmt.Sprintf("borg was ended by a signal that did not come from here: %s", oneLine(f.Message))
	}
	return code, withDisk(oneLine(f.Message), t)
}

// withDisk puts the true cause in front of what it led to.
func withDisk(message string, t *Tracker) string {
	if t.noSpace == "" || diskFull(message) {
		return message
	}
	return t.noSpace + "; " + message
}

// unsaid is for a borg that ended without an error message of its own.
func unsaid(exit Exit, t *Tracker) (code, message string) {
	switch {
	case exit.Signal == unix.SIGKILL:
		return CodeBorgKilled, "borg was killed (SIGKILL) by somebody else; the kernel does that when memory runs out"
	case exit.Signal != 0:
		return CodeBorgKilled, fmt.Sprintf("borg was ended by a signal (%s) that did not come from here", signalName(exit))
	case t.rawUsage != "":
		return CodeBadRequest, t.rawUsage
	case t.noSpace != "":
		return CodeRepoDiskFull, t.noSpace
	}
	code = codeOfExitCode(exit.Code)
	if t.lastRaw != "" {
		return code, oneLine(t.lastRaw)
	}
	if len(t.remote) > 0 {
		return code, strings.Join(lastOf(t.remote, 3), "; ")
	}
	if exit.Code == 0 || warningCode(exit.Code) {
		return CodeBorgFailed, fmt.Sprintf("borg ended with exit code %d but did not report an archive", exit.Code)
	}
	return code, fmt.Sprintf("borg ended with exit code %d and said nothing", exit.Code)
}

// connection looks for the cause in what ssh and the server said. borg itself
// only sees that the connection was closed.
func connection(code, message string, t *Tracker, knownHosts string) (string, string) {
	said := strings.Join(t.remote, "\n")
	cause := strings.Join(lastOf(t.remote, 3), "; ")
	switch {
	case strings.Contains(said, "REMOTE HOST IDENTIFICATION HAS CHANGED"):
		return CodeHostKeyChanged, "the server's host key is not the one this host knows: either the server was set up anew, or somebody stands in between. Ask the server's administrator before the old key is removed with ssh-keygen -R. (" + cause + ")"
	case strings.Contains(said, "Host key verification failed"):
		return CodeHostKeyUnknown, "Host key verification failed: this host does not know the server's host key. " + acceptHostKey(t.sshHost, knownHosts)
	case strings.Contains(said, "Permission denied ("), strings.Contains(said, "Too many authentication failures"):
		return CodeSSHAuth, "the server did not accept this host's ssh key: " + cause
	case strings.Contains(said, "command not found"), strings.Contains(said, "borg: not found"):
		return CodeRemoteBorg, "borg is not installed on the server: " + cause
	}
	message = oneLine(message)
	if cause != "" {
		message += " (" + cause + ")"
	}
	return code, message
}

// acceptHostKey is the command to run, after the key was compared.
func acceptHostKey(host, knownHosts string) string {
	if host == "" {
		host = "SERVER"
	}
	port := ""
	if h, p, err := net.SplitHostPort(host); err == nil && strings.HasPrefix(host, "[") {
		host, port = h, p
	}
	return fmt.Sprintf("Run on this host: %s (and compare the fingerprint with the server's own)", Keyscan(host, port, knownHosts))
}

// Keyscan is the command that lets ssh know a server's host key.
func Keyscan(host, port, knownHosts string) string {
	scan := "ssh-keyscan "
	if port != "" {
		scan += "-p " + port + " "
	}
	if knownHosts == "" {
		knownHosts = "~/.ssh/known_hosts"
	} else {
		knownHosts = shellQuote(knownHosts)
	}
	return scan + strings.Trim(host, "[]") + " >> " + knownHosts
}

func lastOf(s []string, n int) []string {
	return slices.Compact(slices.Clone(s[max(0, len(s)-n):]))
}
