package api

// Role is what a principal may do. Each role may do what the ones before it
// may.
type Role string

const (
	Public   Role = ""         // no principal needed
	Viewer   Role = "viewer"   // reads
	Operator Role = "operator" // starts, cancels
	Admin    Role = "admin"
)

// may says whether r is enough where needed is asked for. A role that does not
// exist may nothing.
func (r Role) may(needed Role) bool {
	have := r.rank()
	return have > 0 && have >= needed.rank()
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
