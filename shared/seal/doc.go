// Package seal encrypts passphrases to an agent's long-lived age key, so that
// whoever carries and keeps them cannot read them; and what opens a repository
// without its host to the fleet's recovery key.
//
// A seal says for which agent and which repository location the passphrase is.
// The agent refuses any other use, so a controller that was taken over cannot
// have a passphrase used on a repository of its own choice. A seal does not say
// who made it: whoever knows the recipient can seal a passphrase of their own,
// but not read another's.
package seal
