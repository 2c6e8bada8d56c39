// Package strictyaml reads files that people write. A key that nobody knows is an
// error, and errors name the line and no Go type.
package strictyaml

import (
	"bytes"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"
)

// Decode reads the only document in data. An empty one leaves into as it is.
func Decode(data []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) { // EOF: an empty file
		return explain(data, into, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one document (---) in it, and only the first would count")
	}
	return nil
}
