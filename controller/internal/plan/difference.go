package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"borgfleet/controller/internal/client"
)

// Difference is one field that is to be another.
type Difference struct {
	Field string `json:"field"`
	Old   any    `json:"old"`
	New   any    `json:"new"`
}

// differences lists the fields of want that have lacks or has otherwise, by name.
func differences(have, want client.Fields) []Difference {
	var out []Difference
	for _, field := range slices.Sorted(maps.Keys(want)) {
		old, fresh := plain(have[field]), plain(want[field])
		if text(old) != text(fresh) {
			out = append(out, Difference{field, old, fresh})
		}
	}
	return out
}

func text(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}

// plain is a value as JSON has it, with nothing for what says nothing: REST has
// null, 0 and empty lists for the same.
func plain(v any) any {
	var out any
	if json.Unmarshal([]byte(text(v)), &out) != nil {
		return nil
	}
	return without(out)
}

func without(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if e = without(e); e != nil {
				out[k] = e
			}
		}
		if len(out) > 0 {
			return out
		}
		return nil
	case []any:
		if len(v) > 0 {
			return v
		}
		return nil
	case string:
		if v != "" {
			return v
		}
		return nil
	case float64:
		if v != 0 {
			return v
		}
		return nil
	case bool:
		return v
	}
	return nil
}

// String is the difference for a person: of lists what comes and goes.
func (d Difference) String() string {
	old, isOld := d.Old.([]any)
	fresh, isNew := d.New.([]any)
	if (isOld || d.Old == nil) && (isNew || d.New == nil) && (isOld || isNew) {
		var parts []string
		for _, e := range fresh {
			if !slices.Contains(old, e) {
				parts = append(parts, "+ "+shown(e))
			}
		}
		for _, e := range old {
			if !slices.Contains(fresh, e) {
				parts = append(parts, "- "+shown(e))
			}
		}
		if len(parts) == 0 {
			parts = []string{"in another order"}
		}
		return strings.Join(parts, "\n")
	}
	return shown(d.Old) + " → " + shown(d.New)
}

func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case string:
		return v
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, shown(e))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+" "+shown(v[k]))
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}
