package job

import "time"

// Recovery is what opens a repository when its host is gone, sealed to a
// recovery key. What is in it is told beside it, since nobody on the way can
// look.
type Recovery struct {
	Recipient  string // public half of the recovery key
	Sealed     []byte
	SealedAt   time.Time
	Key        bool // borg's key is in it
	Passphrase bool // the passphrase is in it
}
