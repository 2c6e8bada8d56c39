package strictyaml

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Plain puts the YAML reader's errors into words that name no Go type.
func Plain(err error) error { return explain(nil, nil, err) }

// explain is Plain for data that was to be read into a value, which say more.
func explain(data []byte, into any, err error) error {
	text := strings.Split(string(data), "\n")
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		said := strings.TrimPrefix(err.Error(), "yaml: ")
		return errors.New(cmp.Or(hint(text, said), said))
	}
	var lines []string
	known := keysOf(into)
	for _, e := range types.Errors {
		lines = append(lines, plainLine(text, known, e))
	}
	return errors.New(strings.Join(lines, "\n"))
}

func plainLine(text []string, known keys, e string) string {
	// Not package variables: they are compiled for a person's mistake only.
	unknown := regexp.MustCompile(`(?s)^(line \d+): field (.*) not found in type (\S+)$`)
	if m := unknown.FindStringSubmatch(e); m != nil {
		return fmt.Sprintf("%s: there is no key %q", m[1], m[2]) + known.instead(m[2], m[3])
	}
	wrong := regexp.MustCompile(`(?s)^(line \d+): cannot unmarshal !!\w+ (?:.(.*). )?into (\S+)$`)
	if m := wrong.FindStringSubmatch(e); m != nil {
		if m[2] != "" {
			return fmt.Sprintf("%s: %q is not %s", m[1], m[2], plainType(m[3]))
		}
		if m[3] == "string" {
			return here(text, m[1])
		}
		return fmt.Sprintf("%s: here must be %s", m[1], plainType(m[3]))
	}
	return e
}

// here says that a line needs a text, and what a word in braces is taken for.
func here(text []string, line string) string {
	at, _ := lineOf(line + ": ")
	if _, m := find(text, at, 1, `[:\[,-] *(\{[a-z]+\})`); m != nil {
		return fmt.Sprintf("%s: %s must be in quotes: %q", line, m[1], m[1])
	}
	return line + ": here must be a text"
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
