package plan

import (
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

// Meanwhile finds what was to be registered among what is registered now: its id, 0 if
// it is not there, and whether it is as the change would have made it.
func (c Change) Meanwhile(all []client.Fields) (id int64, same bool) {
	host := definitions.Agent{ID: c.Host.ID, Name: c.Host.Name, Labels: c.Host.Labels}
	fleet := Fleet{Agents: []rest.Agent{c.Host}, Repositories: all}.indexed()
	now, err := repository(definitions.On{Agent: host, Repository: *c.Repository}, fleet)
	return now.ID, err == nil && now.Action == Unchanged
}
