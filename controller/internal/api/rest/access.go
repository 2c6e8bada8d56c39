package rest

// DownloadToken reads one log, for a minute.
type DownloadToken struct {
	Token     string `json:"token"`
	ExpiresAt *Time  `json:"expires_at"`
}

// PasswordChange changes the caller's own password.
type PasswordChange struct {
	OldPassword string `json:"old_password"`
	NewPassword string `json:"new_password"`
}

// User is somebody who may log in.
type User struct {
	Name      string `json:"name"`
	Role      string `json:"role"`
	CreatedAt *Time  `json:"created_at"`
	APITokens int    `json:"api_tokens"`
}

// UserList is everybody.
type UserList struct {
	Users []User `json:"users"`
}

// NewUser asks for a user.
type NewUser struct {
	Name     string `json:"name"`
	Password string `json:"password"`
	Role     string `json:"role"`
}

// UserChange changes a user; what is empty stays.
type UserChange struct {
	Password string `json:"password,omitempty"`
	Role     string `json:"role,omitempty"`
}

// APIToken lets a program use the API.
type APIToken struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	User       string `json:"user"`
	Role       string `json:"role"` // what it may do today
	CreatedAt  *Time  `json:"created_at"`
	ExpiresAt  *Time  `json:"expires_at"`
	LastUsedAt *Time  `json:"last_used_at"`

	// What of the fleet it reaches; both empty: everything.
	Repositories []int64  `json:"repositories"`
	Agents       []string `json:"agents"` // ids
}

// APITokenList is all that the caller may see.
type APITokenList struct {
	Tokens []APIToken `json:"tokens"`
}

// NewAPIToken is shown once.
type NewAPIToken struct {
	APIToken
	Token string `json:"token"`
}

// APITokenRequest asks for an API token.
type APITokenRequest struct {
	Name      string `json:"name"`
	User      string `json:"user,omitempty"`
	Role      string `json:"role,omitempty"`
	ExpiresIn int64  `json:"expires_in,omitempty"` // seconds; 0: no end

	Repositories []int64  `json:"repositories,omitempty"`
	Agents       []string `json:"agents,omitempty"` // ids or names
}
