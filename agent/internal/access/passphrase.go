package access

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
	"borgfleet/shared/secretfile"
)

// mostPassphrase is what a file or command may give. borg gets it through a
// pipe's buffer.
const mostPassphrase = 32 << 10

// Passphrase opens what the host or, if it has none, the controller keeps for a
// repository. Without one it is nil: borg says what it misses. said is what a
// command of the host's had to say beside it, which may hold other secrets than
// this one: it is for people on the host. Errors are *borg.Error and say
// what to do.
func Passphrase(ctx context.Context, st state.Dir, id state.Identity, conf policy.Config, repo job.Repository) (pass []byte, said []string, err error) {
	if repo.Encryption == "none" {
		return nil, nil, nil
	}
	entry, err := conf.RepositoryAt(repo.Path)
	if err != nil {
		return nil, nil, unavailable("%v", err)
	}
	switch {
	case entry.PassphraseFile != "":
		pass, err = fromFile(entry.PassphraseFile)
		return pass, nil, err
	case len(entry.PassphraseCommand) > 0:
		return fromCommand(ctx, entry.PassphraseCommand)
	case len(repo.PassphraseSealed) == 0:
		return nil, nil, nil
	}
	key, err := seal.LoadIdentity(st.AgeKey())
	if err != nil {
		return nil, nil, unavailable("the passphrase cannot be opened on this host: %v", err)
	}
	pass, err = seal.Open(key, id.AgentID, job.Location(repo.Path, id.AgentID), repo.PassphraseSealed)
	if err != nil {
		return nil, nil, unavailable("the passphrase cannot be opened on this host: %v", err)
	}
	return pass, nil, nil
}

// fromFile reads a passphrase as borg reads one: without the newlines at its
// end.
func fromFile(path string) ([]byte, error) {
	const change = "correct the file, or passphrase_file in agent.yaml"
	if info, err := os.Stat(path); err == nil && info.Size() > 2*mostPassphrase {
		return nil, unavailable("the passphrase file %s has %d bytes, which is no passphrase: %s", path, info.Size(), change)
	}
	data, err := secretfile.Read(path)
	if err != nil {
		return nil, unavailable("the passphrase file cannot be used: %v (%s)", err, change)
	}
	pass := bytes.TrimRight(data, "\n")
	if len(pass) == 0 {
		return nil, unavailable("the passphrase file %s is empty: %s", path, change)
	}
	return pass, nil
}

func fromCommand(ctx context.Context, words []string) (pass []byte, said []string, err error) {
	byHand := func(format string, args ...any) error {
		return unavailable("the passphrase command %s %s: run it by hand, as the agent's account, or correct passphrase_command in agent.yaml",
			words[0], fmt.Sprintf(format, args...))
	}
	out := run(ctx, words, home(), commandTime)
	line, _, _ := bytes.Cut(out.stdout, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	for _, s := range strings.Split(strings.TrimSpace(string(out.stderr)), "\n") {
		if s = strings.TrimSpace(s); s != "" {
			said = append(said, mask(strings.ToValidUTF8(s, "?"), line))
		}
	}
	switch {
	case out.err != nil:
		return nil, said, byHand("%v", out.err)
	case len(line) == 0:
		return nil, said, byHand("printed nothing on its first line")
	case len(line) > mostPassphrase:
		return nil, said, byHand("printed a first line of more than %d bytes", mostPassphrase)
	}
	return line, said, nil
}

// mask takes a passphrase out of what its own command says.
func mask(text string, pass []byte) string {
	if len(pass) < 4 { // every "ab" in a text is not a secret
		return text
	}
	return strings.ReplaceAll(text, string(pass), "***")
}

func unavailable(format string, args ...any) error {
	return &borg.Error{Code: job.CodePassphrase, Message: fmt.Sprintf(format, args...)}
}
