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
	return job.Recovery{
		Recipient: p.Recipient, Sealed: p.Sealed, SealedAt: instant(p.SealedAt), Key: p.Key, Passphrase: p.Passphrase,
	}
}
