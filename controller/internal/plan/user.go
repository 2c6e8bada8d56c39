package plan

import (
	"errors"
	"fmt"
	"slices"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

// users says what is to be done about users. Who may less comes after who may more,
// and who asks comes last: else the rest could not be done, or nobody would be left
// who may do it.
func (p *Plan) users(f definitions.File, fleet Fleet, _ finder) error {
	if err := keepAdmin(f, fleet); err != nil {
		return err
	}
	var more, less, own []Change
	for _, def := range f.Users {
		c, down, err := user(def, fleet)
		switch {
		case err != nil:
			return fmt.Errorf("user %s: %w", def.Name, err)
		case down && def.Name == fleet.Me:
			own = append(own, c)
		case down:
			less = append(less, c)
		default:
			more = append(more, c)
		}
	}
	p.Changes = slices.Concat(p.Changes, more, less, own)
	return nil
}

// user says what is to be done about one; down: the user is to do less than now.
func user(def definitions.User, fleet Fleet) (c Change, down bool, err error) {
	c = Change{What: "user", Name: def.Name, Action: Create, Fields: client.Fields{"role": def.Role}}
	at := slices.IndexFunc(fleet.Users, func(u rest.User) bool { return u.Name == def.Name })
	if at < 0 {
		if def.Password == nil {
			return c, false, errors.New("there is none of this name yet: give password: {file: PATH} or {env: NAME}, which is read when the user is made")
		}
		c.Fields["name"], c.Secrets = def.Name, map[string]definitions.Secret{"password": *def.Password}
		return c, false, nil
	}
	have := fleet.Users[at].Role
	c.Action = Unchanged
	if c.Differences = differences(client.Fields{"role": have}, c.Fields); len(c.Differences) > 0 {
		c.Action = Update
	}
	return c, rank(def.Role) < rank(have), nil
}

func rank(role string) int { return slices.Index(definitions.Roles(), role) }

// keepAdmin refuses a file after which nobody is an administrator. REST refuses the
// last of them, with the others done.
func keepAdmin(f definitions.File, fleet Fleet) error {
	after := map[string]string{}
	for _, u := range fleet.Users {
		after[u.Name] = u.Role
	}
	for _, def := range f.Users {
		after[def.Name] = def.Role
	}
	for _, role := range after {
		if role == definitions.Admin {
			return nil
		}
	}
	if len(f.Users) == 0 {
		return nil // nobody was asked who there is
	}
	return fmt.Errorf("users: nobody would be an administrator: give at least one of them the role %s", definitions.Admin)
}
