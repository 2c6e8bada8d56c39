package auth

// Role is what a user may do.
type Role string

// Admin may do everything.
const Admin Role = "admin"

// User is an account as a login needs it.
type User struct {
	Name         string
	PasswordHash string // of Hasher.Hash
	Role         Role
}

// Users is where the accounts are kept.
type Users interface {
	Get(name string) (User, bool)
}
