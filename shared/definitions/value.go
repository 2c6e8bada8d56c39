package definitions

import (
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/term/cmdline"
)

// Seconds is a span: a number of seconds, as in REST, or words such as 90s, 10m,
// 26h, 7d and 2w.
type Seconds int64

func (s *Seconds) UnmarshalYAML(n *yaml.Node) error {
	var number int64
	if n.Decode(&number) == nil && number >= 0 {
		*s = Seconds(number)
		return nil
	}
	d, err := cmdline.Span(n.Value)
	if err != nil || d%time.Second != 0 || n.Kind != yaml.ScalarNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a span: write seconds, or 90s, 10m, 26h, 7d, 2w", n.Line, n.Value)}}
	}
	*s = Seconds(d / time.Second)
	return nil
}

// MarshalYAML writes what people read: whole days, hours or minutes where it is so.
func (s Seconds) MarshalYAML() (any, error) {
	for _, unit := range []struct {
		name   string
		length Seconds
	}{{"d", 24 * 60 * 60}, {"h", 60 * 60}, {"m", 60}} {
		if s > 0 && s%unit.length == 0 {
			return strconv.FormatInt(int64(s/unit.length), 10) + unit.name, nil
		}
	}
	return int64(s), nil
}

// Span is the same for Go.
func (s Seconds) Span() time.Duration { return time.Duration(s) * time.Second }
