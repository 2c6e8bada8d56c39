package rest

// Agent is a host's agent.
type Agent struct {
	ID                   string            `json:"id"`
	Name                 string            `json:"name"`
	Hostname             string            `json:"hostname"`
	Online               bool              `json:"online"`
	LastContactAt        *Time             `json:"last_contact_at"`
	EnrolledAt           *Time             `json:"enrolled_at"`
	Labels               map[string]string `json:"labels"`
	Version              *string           `json:"version"`
	Borg                 []Borg            `json:"borg"`
	CertificateExpiresAt *Time             `json:"certificate_expires_at"`
	Running              int               `json:"running"`
	Waiting              int               `json:"waiting"`
	Paused               bool              `json:"paused"`
	Revoked              bool              `json:"revoked"`
	RevokedAt            *Time             `json:"revoked_at"`
	MaxParallel          int               `json:"max_parallel"`
	Problem              *string           `json:"problem"`
	ProblemAt            *Time             `json:"problem_at"`
	ClockSkewSeconds     *int64            `json:"clock_skew_seconds"`
	AgeRecipient         *string           `json:"age_recipient"`
	RecoveryRecipient    *string           `json:"recovery_recipient"`
	RecoveryAccepted     bool              `json:"recovery_accepted"`
}

// AgentChange says what is to be changed of an agent; what is left out stays.
type AgentChange struct {
	Name        *string           `json:"name,omitempty"`
	Labels      map[string]string `json:"labels,omitzero"` // all of them; empty, not nil: none
	Paused      *bool             `json:"paused,omitempty"`
	MaxParallel *int              `json:"max_parallel,omitempty"` // 0: the controller's default
}

// Borg is a borg found on a host.
type Borg struct {
	Path    string  `json:"path"`
	Version *string `json:"version"`
	Problem *string `json:"problem"`
}

// AgentList is the whole fleet.
type AgentList struct {
	Agents []Agent `json:"agents"`
}

// JoinTokenRequest asks for a token that lets hosts enrol.
type JoinTokenRequest struct {
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	TTL    int64             `json:"ttl,omitempty"` // seconds
	Uses   int               `json:"uses,omitempty"`
}

// JoinToken is shown once.
type JoinToken struct {
	Token     string `json:"token"`
	ExpiresAt *Time  `json:"expires_at"`
}
