package metrics_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"borgfleet/controller/apitest"
)

const monitoring = "../../../docs/monitoring"

func TestPromtoolMetrics(t *testing.T) {
	m := setup(t, full())
	exercise(m)
	apitest.Promtool(t, monitoring, scrape(t, m), "check", "metrics")
}

func TestPromtoolRules(t *testing.T) {
	apitest.Promtool(t, monitoring, nil, "check", "rules", "alerts.yml")
}
func TestPromtoolAlerts(t *testing.T) {
	apitest.Promtool(t, monitoring, nil, "test", "rules", "alerts_test.yml")
}
func TestPromtoolConfig(t *testing.T) {
	apitest.Promtool(t, monitoring, nil, "check", "config", "--syntax-only", "prometheus.yml")
}

// alerts is what the tests look at of alerts.yml.
type alerts struct {
	Groups []struct {
		Rules []struct{ Alert, Expr string }
	}
}

// expected is what they look at of alerts_test.yml.
type expected struct {
	Tests []struct {
		Rules []struct {
			Alert string `yaml:"alertname"`
			Exp   []any  `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

// TestAlerts: an alert about what is not measured never fires, and one that was
// never seen to fire, or not to, may not.
func TestAlerts(t *testing.T) {
	var rules alerts
	var tests expected
	read(t, "alerts.yml", &rules)
	read(t, "alerts_test.yml", &tests)
	var fires, rests []string
	for _, one := range tests.Tests {
		for _, rule := range one.Rules {
			if len(rule.Exp) > 0 {
				fires = append(fires, rule.Alert)
			} else {
				rests = append(rests, rule.Alert)
			}
		}
	}
	known := documentation(t)
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if !slices.Contains(fires, rule.Alert) || !slices.Contains(rests, rule.Alert) {
				t.Errorf("alerts_test.yml does not show %s firing and not firing", rule.Alert)
			}
			for _, name := range regexp.MustCompile(`borgfleet_\w+`).FindAllString(rule.Expr, -1) {
				if _, ok := known[strings.TrimSuffix(name, "_bucket")]; !ok {
					t.Errorf("%s is about %s, which there is not", rule.Alert, name)
				}
			}
		}
	}
}

func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoring, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}
