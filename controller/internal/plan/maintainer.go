package plan

import (
	"errors"
	"fmt"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

// maintainers says which repositories get another maintainer. It needs a registration
// of its own, so it comes when all repositories are there.
func (p *Plan) maintainers(_ definitions.File, fleet Fleet, _ finder) error {
	for _, c := range p.Changes {
		if c.What != "repository" || c.Repository.Maintainer == "" {
			continue
		}
		host, err := fleet.named(c.Repository.Maintainer)
		if err == nil && host.ID == c.Host.ID {
			err = errors.New("it uses the repository itself: leave maintainer out there")
		}
		if err != nil {
			return fmt.Errorf("repository %s: maintainer %s: %w", c.Name, c.Repository.Maintainer, err)
		}
		old := any(nil)
		for _, r := range fleet.of[c.Host.ID] {
			if number(r["id"]) == c.ID {
				old = plain(r["maintainer"])
			}
		}
		if old == host.Name {
			continue
		}
		p.Changes = append(p.Changes, Change{
			What: "maintainer", Name: c.Name, Agent: c.Agent, Action: Update, ID: c.ID, Host: c.Host, Fields: client.Fields{"maintainer": host.Name},
			Differences: []Difference{{"maintainer", old, host.Name}}, Repository: c.Repository,
		})
	}
	return nil
}
