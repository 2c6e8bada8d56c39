package auth

import "fmt"

// Role is what somebody may do. Each role may do what the ones before it may.
type Role string

const (
	Viewer   Role = "viewer"   // reads
	Operator Role = "operator" // starts, cancels
	Admin    Role = "admin"    // everything
)

// Roles are all of them, the least first.
func Roles() []Role { return []Role{Viewer, Operator, Admin} }

// ParseRole rejects anything that is not a role.
func ParseRole(s string) (Role, error) {
	if r := Role(s); r.rank() > 0 {
		return r, nil
	}
	return "", fmt.Errorf("it must be one of %s, %s, %s", Viewer, Operator, Admin)
}

// May says whether r is enough where needed is asked for. A role that does not
// exist may nothing.
func (r Role) May(needed Role) bool {
	have := r.rank()
	return have > 0 && have >= needed.rank()
}

// least is the one that may less.
func least(a, b Role) Role {
	if a.rank() < b.rank() {
		return a
	}
	return b
}

func (r Role) rank() int {
	switch r {
	case Viewer:
		return 1
	case Operator:
		return 2
	case Admin:
		return 3
	}
	return 0
}
