package wire

import (
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// FromRecovery encodes what was sealed to the recovery key.
func FromRecovery(r job.Recovery) *fleetv1.Recovery {
	return &fleetv1.Recovery{
		Recipient: text(r.Recipient), Sealed: r.Sealed, SealedAt: stamp(r.SealedAt), Key: r.Key, Passphrase: r.Passphrase,
	}
}

// ToRecovery decodes it.
func ToRecovery(p *fleetv1.Recovery) job.Recovery {
	if len(p.Sealed) > mostMessage { // a key and a passphrase are some kilobytes; half of it opens nothing
		return job.Recovery{}
	}
	return job.Recovery{
		Recipient: within(p.Recipient, mostWord), Sealed: p.Sealed, SealedAt: instant(p.SealedAt), Key: p.Key, Passphrase: p.Passphrase,
	}
}
