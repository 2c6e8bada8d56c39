package rest

// RecoveryKey is the public half of the fleet's recovery key.
type RecoveryKey struct {
	Recipient   string   `json:"recipient"` // age1...
	Fingerprint string   `json:"fingerprint"`
	Since       *Time    `json:"since"`
	By          *string  `json:"by"`
	Former      []string `json:"former"` // recipients
}

// RecoveryKeyChange puts another key in its place.
type RecoveryKeyChange struct {
	Recipient string `json:"recipient"`
}
