package rest

// ChannelRequest makes a channel, or changes what is given.
type ChannelRequest struct {
	Name     *string  `json:"name,omitempty"`
	Type     *string  `json:"type,omitempty"`
	URL      *string  `json:"url,omitempty"`
	Secret   *string  `json:"secret,omitempty"`
	Token    *string  `json:"token,omitempty"`
	Host     *string  `json:"host,omitempty"`
	Port     *int64   `json:"port,omitempty"`
	TLS      *string  `json:"tls,omitempty"`
	Username *string  `json:"username,omitempty"`
	Password *string  `json:"password,omitempty"`
	From     *string  `json:"from,omitempty"`
	To       []string `json:"to,omitempty"`
}

// Channel is a way by which people are told, without what is secret.
type Channel struct {
	ID        int64    `json:"id"`
	Name      string   `json:"name"`
	Type      string   `json:"type"`
	Target    string   `json:"target"`
	CreatedAt *Time    `json:"created_at"`
	CreatedBy *string  `json:"created_by"`
	Delivery  Delivery `json:"delivery"`
}

// Delivery is how a channel stands.
type Delivery struct {
	Waiting      int64   `json:"waiting"`
	LeftOut      int64   `json:"left_out"`
	LastSuccess  *Time   `json:"last_success_at"`
	FailingSince *Time   `json:"failing_since"`
	LastError    *string `json:"last_error"`
	LastErrorAt  *Time   `json:"last_error_at"`
	NextTry      *Time   `json:"next_try_at"`
}

// ChannelSettings are those of a channel that are no secrets.
type ChannelSettings struct {
	Readable bool     `json:"readable"` // false: they were sealed with another key
	Host     *string  `json:"host"`
	Port     *int64   `json:"port"`
	TLS      *string  `json:"tls"`
	Username *string  `json:"username"`
	From     *string  `json:"from"`
	To       []string `json:"to"`
	Secrets  []string `json:"secrets"` // that are set
}

// Compared says which fields have another value than the caller's.
type Compared struct {
	Different []string `json:"different"`
}

// NewChannel is a channel that was made.
type NewChannel struct {
	Channel
	Secret *string `json:"secret"` // that was made for it; null: none was
}

// ChannelList are all channels.
type ChannelList struct {
	Channels []Channel `json:"channels"`
}

// ChannelTested is what came of a test.
type ChannelTested struct {
	Delivered bool   `json:"delivered"`
	Answer    string `json:"answer"`
}

// RuleRequest makes a rule, or changes what is given.
type RuleRequest struct {
	Name         *string  `json:"name,omitempty"`
	Enabled      *bool    `json:"enabled,omitempty"`
	Events       []string `json:"events,omitempty"`
	Kinds        []string `json:"kinds,omitempty"`
	Agents       []string `json:"agents,omitempty"`
	Labels       []string `json:"labels,omitempty"`
	Repositories []int64  `json:"repositories,omitempty"`
	Channels     []int64  `json:"channels,omitempty"`
}

// Rule says which events go to which channels.
type Rule struct {
	ID           int64    `json:"id"`
	Name         string   `json:"name"`
	Enabled      bool     `json:"enabled"`
	Events       []string `json:"events"`
	Kinds        []string `json:"kinds"`
	Agents       []string `json:"agents"`
	Labels       []string `json:"labels"`
	Repositories []int64  `json:"repositories"`
	Channels     []int64  `json:"channels"`
	CreatedAt    *Time    `json:"created_at"`
	CreatedBy    *string  `json:"created_by"`
}

// RuleList are all rules.
type RuleList struct {
	Rules []Rule `json:"rules"`
}

// Condition is something that was told and lasts.
type Condition struct {
	Event        string  `json:"event"`
	Since        *Time   `json:"since"`
	Message      string  `json:"message"`
	AgentID      *string `json:"agent_id"`
	RepositoryID *int64  `json:"repository_id"`
}

// ConditionList are all that last, the oldest first.
type ConditionList struct {
	Conditions []Condition `json:"conditions"`
}
