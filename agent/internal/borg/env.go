package borg

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"borgfleet/shared/job"
)

// PassphraseFD is the descriptor from which borg reads the passphrase. Not an
// environment variable: that would be in /proc/PID/environ and in the
// environment of ssh. Not a file either: that would have to be removed.
const PassphraseFD = 3

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment builds borg's whole environment. It starts from nothing:
// variables that the agent was started with (BORG_REPO, BORG_PASSCOMMAND,
// BORG_LOGGING_CONF, PYTHONPATH, ...) would change what borg does or prints.
func environment(h Host, repo job.Repository, firstUse bool) ([]string, error) {
	rsh, err := h.SSH.rsh()
	if err != nil {
		return nil, err
	}
	if h.AgentID == "" || h.MachineID == "" {
		// Two machines with one host id break each other's live locks.
		return nil, internal("the agent id and the machine id make borg's host id; one of them is empty")
	}
	path := h.Path
	if path == "" {
		path = defaultPath
	}
	env := []string{
		"PATH=" + path,
		"TZ=UTC", // borg 1.x prints local times without a zone
		"LANG=C.UTF-8",
		"LC_ALL=C.UTF-8",
		"BORG_EXIT_CODES=modern", // borg 1.2 does not know it, and is not hurt
		"BORG_HOST_ID=" + h.AgentID + "+" + h.MachineID,
		"BORG_RSH=" + rsh,
		"BORG_DISPLAY_PASSPHRASE=no",
		"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=" + yesNo(firstUse && mayBeUnencrypted(repo.Encryption)),
		"BORG_RELOCATED_REPO_ACCESS_IS_OK=no",
		"BORG_CHECK_I_KNOW_WHAT_I_AM_DOING=NO",
		"BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=NO",
	}
	if h.Home != "" {
		env = append(env, "HOME="+h.Home)
	}
	if h.BaseDir != "" {
		env = append(env, "BORG_BASE_DIR="+h.BaseDir)
	}
	if h.KeysDir != "" {
		env = append(env, "BORG_KEYS_DIR="+h.KeysDir)
	}
	if needsPassphrase(repo.Encryption) {
		env = append(env, fmt.Sprintf("%s%d", passphraseFDVar, PassphraseFD))
	}
	for _, v := range env {
		if strings.ContainsRune(v, 0) || !utf8.ValidString(v) {
			name, _, _ := strings.Cut(v, "=")
			return nil, internal("the host's value for %s holds a NUL or is not UTF-8", name)
		}
	}
	return env, nil
}

const passphraseFDVar = "BORG_PASSPHRASE_FD="

// needsPassphrase is also true for an adopted repository whose mode is not
// known yet: borg reads the descriptor only when it wants a passphrase.
func needsPassphrase(encryption string) bool { return encryption != "none" }

// mayBeUnencrypted names the modes that borg asks about before it uses such a
// repository for the first time: "authenticated" counts as unencrypted there.
func mayBeUnencrypted(encryption string) bool {
	switch encryption {
	case "none", "authenticated", "authenticated-blake2":
		return true
	}
	return false
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// rsh is the command line that borg splits like a shell and puts before the
// host. The host's own options come first: in ssh the first value wins.
func (s SSH) rsh() (string, error) {
	words := s.Command
	if len(words) == 0 {
		words = []string{"ssh"}
	}
	words = append(words[:len(words):len(words)],
		"-oBatchMode=yes", // a question would never be answered
		"-oConnectTimeout=30",
		"-oServerAliveInterval=10", // a dead server must not keep the job for ever
		"-oServerAliveCountMax=30",
		"-oStrictHostKeyChecking=yes",
	)
	for _, file := range []struct{ option, path string }{
		{"UserKnownHostsFile", s.KnownHosts},
		{"IdentityFile", s.IdentityFile},
	} {
		if file.path == "" {
			continue
		}
		if strings.ContainsAny(file.path, "\"\n\x00") {
			return "", internal("ssh cannot take the file name %q", file.path)
		}
		// ssh expands %-tokens and splits at spaces in this place.
		words = append(words, fmt.Sprintf(`-o%s="%s"`, file.option, strings.ReplaceAll(file.path, "%", "%%")))
	}
	if s.IdentityFile != "" {
		words = append(words, "-oIdentitiesOnly=yes")
	}
	words = append([]string{"/bin/sh", "-c", lastWords, "ssh"}, words...)
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = shellQuote(w)
	}
	return strings.Join(quoted, " "), nil
}

// lastWords runs ssh and, when the connection failed (255) or there is no
// command (127), keeps its ends of borg's pipes open a moment longer. borg
// looks at its server's stdout first: once that is closed it stops reading
// stderr, and then "Connection closed by remote host" is all that is left of
// "Host key verification failed".
const lastWords = `"$@"; e=$?; case $e in 127|255) sleep 0.2;; esac; exit $e`

// shellQuote quotes for Python's shlex.split, which is what borg uses, and for
// a person's shell.
func shellQuote(s string) string {
	plain := s != ""
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./=:@,+%", r)) {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'"'"'`) + "'"
}
