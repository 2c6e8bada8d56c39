package api

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/notify"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// mostNamed is how many agents, labels, repositories and channels a rule may name.
const mostNamed = 100

func (s *server) listRules(w http.ResponseWriter, _ *http.Request) error {
	list := rest.RuleList{Rules: []rest.Rule{}}
	for _, r := range s.Post.Rules() {
		list.Rules = append(list.Rules, ruleBody(r))
	}
	return writeJSON(w, http.StatusOK, list)
}

func (s *server) oneRule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "rule")
	if err != nil {
		return err
	}
	rule, err := s.Post.Rule(id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ruleBody(rule))
}

func (s *server) createRule(w http.ResponseWriter, r *http.Request) error {
	body, err := s.readObject(w, r)
	if err != nil {
		return err
	}
	for _, required := range []string{"name", "events", "channels"} {
		body.must(required)
	}
	change := readRule(body)
	if err := body.err(); err != nil {
		return err
	}
	rule, err := s.Post.CreateRule(r.Context(), change(store.Rule{Enabled: true, By: caller(r).User}))
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/notifications/rules/%d", rule.ID))
	return writeJSON(w, http.StatusCreated, ruleBody(rule))
}

// changeRule takes the fields that are given; the others stay.
func (s *server) changeRule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "rule")
	if err != nil {
		return err
	}
	body, err := s.optionalBody(w, r)
	if err != nil {
		return err
	}
	change := readRule(body)
	if err := body.err(); err != nil {
		return err
	}
	rule, err := s.Post.ChangeRule(r.Context(), id, change)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ruleBody(rule))
}

func (s *server) deleteRule(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r, "id", "rule")
	if err != nil {
		return err
	}
	if err := s.Post.DeleteRule(r.Context(), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *server) listConditions(w http.ResponseWriter, _ *http.Request) error {
	list := rest.ConditionList{Conditions: []rest.Condition{}}
	for _, c := range s.Post.Conditions() {
		list.Conditions = append(list.Conditions, rest.Condition{
			Event: c.What, Since: rest.At(c.Since), Message: c.Message, AgentID: orNull(c.Agent), RepositoryID: notify.OrNull(c.Repository),
		})
	}
	return writeJSON(w, http.StatusOK, list)
}

// readRule reads what is given of a rule.
func readRule(body *object) func(store.Rule) store.Rule {
	var changes []func(*store.Rule)
	add := func(name string, read func() func(*store.Rule)) {
		if _, given := body.get(name); given {
			changes = append(changes, read())
		}
	}
	texts := func(name string, check func(string) string, set func(*store.Rule, []string)) {
		add(name, func() func(*store.Rule) {
			v := body.texts(name, mostNamed, check)
			return func(r *store.Rule) { set(r, v) }
		})
	}
	add("name", func() func(*store.Rule) {
		v := body.checked("name", false, checkName)
		return func(r *store.Rule) { r.Name = v }
	})
	add("enabled", func() func(*store.Rule) {
		v := body.flag("enabled")
		return func(r *store.Rule) { r.Enabled = v }
	})
	add("events", func() func(*store.Rule) {
		v := body.mustTexts("events", mostNamed, checkEvent)
		return func(r *store.Rule) { r.Events = v }
	})
	texts("kinds", checkJobKind, func(r *store.Rule, v []string) { r.Kinds = v })
	texts("agents", checkWord, func(r *store.Rule, v []string) { r.Agents = v })
	texts("labels", checkLabel, func(r *store.Rule, v []string) { r.Labels = v })
	add("repositories", func() func(*store.Rule) {
		v := body.ids("repositories", 0, mostNamed)
		return func(r *store.Rule) { r.Repositories = v }
	})
	add("channels", func() func(*store.Rule) {
		v := body.ids("channels", 1, mostNamed)
		return func(r *store.Rule) { r.Channels = v }
	})
	body.noOthers()
	return func(r store.Rule) store.Rule {
		for _, c := range changes {
			c(&r)
		}
		return r
	}
}

func checkEvent(s string) string {
	if _, err := notify.Parse(s); err != nil {
		return "it must be one of " + join(notify.Kinds())
	}
	return ""
}

func checkJobKind(s string) string {
	if _, err := job.ParseKind(s); err != nil {
		return "it must be one of " + join(job.Kinds())
	}
	return ""
}

func checkLabel(s string) string {
	key, value, ok := strings.Cut(s, "=")
	if !ok {
		return "write it as key=value"
	}
	return cmp.Or(checkWord(key), checkLabelValue(value))
}

func ruleBody(r store.Rule) rest.Rule {
	return rest.Rule{
		ID: r.ID, Name: r.Name, Enabled: r.Enabled, Events: append([]string{}, r.Events...), Kinds: append([]string{}, r.Kinds...),
		Agents: append([]string{}, r.Agents...), Labels: append([]string{}, r.Labels...), Repositories: append([]int64{}, r.Repositories...),
		Channels: append([]int64{}, r.Channels...), CreatedAt: rest.At(r.CreatedAt), CreatedBy: orNull(r.By),
	}
}
