package borg

import (
	"bytes"
	"encoding/hex"

	"borgfleet/shared/job"
)

// mostKey is many times what borg's keys have.
const mostKey = 16 << 10

// KeyExport asks for the repository's key as borg keeps it, encrypted with the
// passphrase: borg does not open it for that, and takes no lock. Its answer is
// read with ReadKey.
func KeyExport(h Host, repo job.Repository) (Invocation, error) {
	if _, err := ParseLocation(repo.Path); err != nil {
		return Invocation{}, err
	}
	inv, err := command(h, repo, "key", false, false)
	if err != nil {
		return Invocation{}, err
	}
	inv.Args = append(inv.Args, "export", "--", repo.Path, "-")
	inv.NeedsPassphrase = false
	return inv, nil
}

// ReadKey reads the answer to KeyExport: the key in the form that borg key
// import takes, and the id of the repository that it is of.
func ReadKey(stdout, stderr []byte, exit Exit) (key []byte, borgID string, err error) {
	if exit.Err != nil {
		return nil, "", asError(exit.Err)
	}
	if !exit.Good() {
		code, message := explain(exit, track(stderr), "")
		return nil, "", &Error{code, message}
	}
	head, _, _ := bytes.Cut(stdout, []byte("\n"))
	id, ok := bytes.CutPrefix(head, []byte("BORG_KEY "))
	if raw, err := hex.DecodeString(string(id)); !ok || err != nil || len(raw) != 32 || len(stdout) > mostKey {
		return nil, "", internal("borg key export gave no key") // what it gave is not for logs
	}
	return stdout, string(id), nil
}
