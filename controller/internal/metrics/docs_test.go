package metrics_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
)

// documented is a row of docs/monitoring.md.
type documented struct{ kind, labels, unit string }

// TestDocumentation: every family is in docs/monitoring.md, as it is, and nothing
// else is.
func TestDocumentation(t *testing.T) {
	m := setup(t, full())
	exercise(m)
	left := documentation(t)
	for name, family := range families(t, scrape(t, m)) {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		want := documented{strings.ToLower(family.GetType().String()), labelsOf(family), unitOf(name)}
		if row, ok := left[name]; !ok || row != want {
			t.Errorf("%s is %+v; docs/monitoring.md says %+v (it has it: %v)", name, want, row, ok)
		}
		delete(left, name)
	}
	for name := range left {
		t.Errorf("docs/monitoring.md has %s, which there is not", name)
	}
}

func documentation(t *testing.T) map[string]documented {
	t.Helper()
	text, err := os.ReadFile("../../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]documented{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		name, ok := strings.CutPrefix(line, "| `borgfleet_")
		if !ok {
			continue
		}
		name, _, _ = strings.Cut("borgfleet_"+name, "`")
		if len(cells) != 7 || strings.TrimSpace(cells[5]) == "" {
			t.Errorf("the row of %s has %d cells, or does not say what it means", name, len(cells)-2)
			continue
		}
		if _, twice := out[name]; twice {
			t.Errorf("%s is there twice", name)
		}
		out[name] = documented{strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3]), strings.TrimSpace(cells[4])}
	}
	return out
}

func labelsOf(family *dto.MetricFamily) string {
	var names []string
	for _, metric := range family.Metric {
		for _, label := range metric.Label {
			if !slices.Contains(names, label.GetName()) {
				names = append(names, label.GetName())
			}
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// unitOf is the unit that a name ends with, as the custom is.
func unitOf(name string) string {
	name = strings.TrimSuffix(name, "_total")
	for _, unit := range []string{"seconds", "bytes"} {
		if strings.HasSuffix(name, "_"+unit) {
			return unit
		}
	}
	return ""
}
