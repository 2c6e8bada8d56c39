package definitions

// User defines who may log in, and as what.
type User struct {
	Name string `yaml:"name"`
	Role string `yaml:"role"`
	// Password is read when the user is made. One who is there keeps the own one.
	Password *Secret `yaml:"password,omitempty,flow"`
}

// Admin is the role that may everything, without which nobody could mend anything.
const Admin = "admin"

// Roles are what a user may be.
func Roles() []string { return []string{"viewer", "operator", Admin} }

func (u User) check(bad *problems, at place) {
	if u.Name == "" {
		bad.add(at, "the name is missing")
	}
	if why := oneOf(Roles())(u.Role); why != "" {
		bad.add(at.of("role"), "%s", why)
	}
	if u.Password != nil {
		u.Password.checkOne(bad, at.of("password"), "password")
	}
}
