package plan

import (
	"fmt"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/definitions"
)

// Use is a repository or a channel that something is for: one that is there, or one
// that another change makes.
type Use struct {
	ID    int64
	Agent string // id; of a repository
	Path  string // of a repository
	Name  string // for people: of a repository with its host
}

// finder finds the repositories that are named.
type finder struct {
	entries map[string]bool // names of the file
	// made is what entries define: by their name, and by that with a host's name or id.
	made  map[definitions.Reference][]Use
	fleet Fleet
}

func newFinder(f definitions.File, on []definitions.On, made []Change, fleet Fleet) finder {
	out := finder{map[string]bool{}, map[definitions.Reference][]Use{}, fleet}
	for _, r := range f.Repositories {
		out.entries[r.Name] = true
	}
	for i, o := range on {
		entry := f.Repositories[o.Entry].Name
		u := Use{ID: made[i].ID, Agent: o.Agent.ID, Path: o.Path, Name: o.Repository.Name + " on " + o.Agent.Name}
		for _, ref := range []definitions.Reference{{Name: entry}, {Name: entry, Agent: o.Agent.Name}, {Name: entry, Agent: o.Agent.ID}} {
			out.made[ref] = append(out.made[ref], u)
		}
	}
	return out
}

// uses are the repositories that references name: those that an entry of the file
// makes, or those that the fleet has under a name.
func (f finder) uses(refs definitions.References) ([]Use, error) {
	var out []Use
	seen := map[[2]string]bool{}
	for _, ref := range refs {
		found, err := f.one(ref)
		if err != nil {
			return nil, err
		}
		for _, u := range found {
			if key := [2]string{u.Agent, u.Path}; !seen[key] {
				seen[key] = true
				out = append(out, u)
			}
		}
	}
	return out, nil
}

func (f finder) one(ref definitions.Reference) ([]Use, error) {
	found := f.made[ref]
	if len(found) > 0 || f.entries[ref.Name] && ref.Agent == "" {
		return found, nil
	}
	if found = f.fleet.uses(ref); len(found) == 0 {
		return nil, fmt.Errorf("neither the file nor the fleet has a repository %s", ref)
	}
	return found, nil
}

// uses finds registered repositories by name.
func (f Fleet) uses(ref definitions.Reference) []Use {
	var out []Use
	for _, r := range f.meant(ref) {
		out = append(out, Use{ID: number(r["id"]), Agent: word(r["agent_id"]), Path: word(r["path"]), Name: called(r)})
	}
	return out
}

// counts says whether anything can be defined about a registration: one that failed
// has its place taken by a new one, and a host that was revoked does nothing.
func (f Fleet) counts(r client.Fields) bool {
	return r["status"] != "failed" && f.is(word(r["agent_id"]))
}

// called is what people call a registration.
func called(r client.Fields) string { return word(r["name"]) + " on " + word(r["agent"]) }

// otherUses compares repositories that are there, by id, with those that are wanted,
// by names that people know. What no file can name (it failed, is gone, or its host
// was revoked) is no difference, unless it is all that is there: nothing would be for
// everything.
func (f Fleet) otherUses(have []any, uses []Use) (Difference, bool) {
	var before, after []any
	ids := map[int64]bool{}
	for _, id := range have {
		n := number(id)
		if r, there := f.repositories[n]; there {
			before = append(before, called(r))
			if f.counts(r) {
				ids[n] = true
			}
		} else {
			before = append(before, fmt.Sprint("id ", n))
		}
	}
	same := len(ids) == len(uses) && (len(ids) > 0 || len(have) == 0)
	for _, u := range uses {
		same = same && u.ID != 0 && ids[u.ID]
		after = append(after, u.Name)
	}
	return Difference{"repositories", before, after}, !same
}

func items(v any) []any {
	all, _ := v.([]any)
	return all
}

// Resolve puts the ids of repositories and channels into what is sent; made gives
// those of what was made meanwhile, and 0 for what was not.
func (c *Change) Resolve(made func(Use) int64) error {
	repositories := "repositories"
	if c.What == "schedule" {
		repositories = "repository_ids"
	}
	for _, list := range []struct {
		field string
		uses  []Use
		not   string
	}{{repositories, c.Uses, "registered"}, {"channels", c.Channels, "made"}} {
		if list.uses == nil {
			continue
		}
		ids := []int64{}
		for _, u := range list.uses {
			id := u.ID
			if id == 0 {
				id = made(u)
			}
			if id == 0 {
				return fmt.Errorf("%s was not %s", u.Name, list.not)
			}
			ids = append(ids, id)
		}
		c.Fields[list.field] = ids
	}
	return nil
}
