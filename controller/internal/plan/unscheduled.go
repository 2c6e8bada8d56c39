package plan

// unscheduled finds what would be backed up by no schedule any more: a host that loses
// its label is taken out of its schedule, and nothing else would say so.
func (p *Plan) unscheduled(fleet Fleet) {
	have := map[string]bool{} // schedules that the plan gives other repositories
	runs := map[int64]bool{}  // repositories that have a schedule when all is done
	off := map[string]bool{}
	for _, c := range p.Changes {
		if c.What != "schedule" {
			continue
		}
		enabled, said := c.Fields["enabled"].(bool)
		off[c.Name] = said && !enabled || !said && c.ID != 0 && fleet.schedules[c.Name]["enabled"] == false
		if have[c.Name] = c.Uses != nil; off[c.Name] {
			continue
		}
		for _, u := range c.Uses {
			runs[u.ID] = true
		}
	}
	for name, s := range fleet.schedules {
		_, planned := off[name]
		if have[name] || off[name] || !planned && s["enabled"] == false {
			continue
		}
		for _, id := range items(s["repository_ids"]) {
			runs[number(id)] = true
		}
	}
	for i, c := range p.Changes {
		if c.What == "schedule" && c.Action == Update && c.Uses != nil {
			p.Changes[i].Unscheduled = fleet.lost(c, runs)
		}
	}
}

// lost are the names of what a schedule has, but not after a change, nor any other one
// that runs.
func (f Fleet) lost(c Change, runs map[int64]bool) (names []string) {
	keeps := map[int64]bool{}
	for _, u := range c.Uses {
		keeps[u.ID] = true
	}
	for _, id := range items(f.schedules[c.Name]["repository_ids"]) {
		n := number(id)
		if r, there := f.repositories[n]; there && f.counts(r) && !keeps[n] && !runs[n] {
			names = append(names, called(r))
		}
	}
	return names
}
