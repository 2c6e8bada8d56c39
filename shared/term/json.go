package term

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// encodeJSON is v as JSON that a terminal shows as it is: what it could take for a
// command is written as an escape, which is the same to a program.
func encodeJSON(v any, indent string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	if !hostile(b.String(), "\n") {
		return b.Bytes(), nil
	}
	var out bytes.Buffer
	for _, r := range b.String() { // JSON is valid UTF-8, and has these in texts only
		if commands(r) && r != '\n' {
			fmt.Fprintf(&out, `\u%04x`, r)
			continue
		}
		out.WriteRune(r)
	}
	return out.Bytes(), nil
}
