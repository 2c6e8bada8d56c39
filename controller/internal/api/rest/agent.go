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
	MaxParallel          int               `json:"max_parallel"`
	AgeRecipient         *string           `json:"age_recipient"`
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
