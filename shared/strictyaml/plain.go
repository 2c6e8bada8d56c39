package strictyaml

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Plain puts the YAML reader's errors into words that name no Go type.
func Plain(err error) error {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var lines []string
	for _, e := range types.Errors {
		lines = append(lines, plainLine(e))
	}
	return errors.New(strings.Join(lines, "; "))
}

func plainLine(e string) string {
	// Not package variables: they are compiled for a person's mistake only.
	unknown := regexp.MustCompile(`(?s)^(line \d+): field (.*) not found in type \S+$`)
	if m := unknown.FindStringSubmatch(e); m != nil {
		return fmt.Sprintf("%s: there is no key %q", m[1], m[2])
	}
	wrong := regexp.MustCompile(`(?s)^(line \d+): cannot unmarshal !!\w+ (?:.(.*). )?into (\S+)$`)
	if m := wrong.FindStringSubmatch(e); m != nil {
		if m[2] != "" {
			return fmt.Sprintf("%s: %q is not %s", m[1], m[2], plainType(m[3]))
		}
		return fmt.Sprintf("%s: here must be %s", m[1], plainType(m[3]))
	}
	return e
}

func plainType(t string) string {
	switch t {
	case "int", "int64":
		return "a whole number"
	case "bool":
		return "true or false"
	case "string":
		return "a text"
	case "[]string":
		return "a list of texts"
	case "time.Duration":
		return "a span of time such as 90m"
	}
	if strings.HasPrefix(t, "[]") {
		return "a list of sections"
	}
	return "a section of keys"
}
