package strictyaml

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"borgfleet/shared/term"
)

// keys are those that sections can have, by the name of their Go type, as the YAML
// reader gives it.
type keys map[string][]string

// keysOf are those of what is read into a value of this type.
func keysOf(into any) keys {
	all := keys{}
	if into != nil {
		all.add(reflect.TypeOf(into))
	}
	return all
}

func (k keys) add(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		k.add(t.Elem())
		return
	case reflect.Struct:
	default:
		return
	}
	if _, known := k[t.String()]; known {
		return
	}
	names := map[string]bool{}
	k[t.String()] = nil
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		k.add(t.Field(i).Type)
		if options == "inline" {
			for _, inner := range k[t.Field(i).Type.String()] {
				names[inner] = true
			}
		} else if name != "" && name != "-" {
			names[name] = true
		}
	}
	k[t.String()] = slices.Sorted(maps.Keys(names))
}

// instead says what may be meant by a key that is not there, and which there are.
func (k keys) instead(key, of string) string {
	all := k[of]
	if len(all) == 0 {
		return ""
	}
	list := "the keys here are " + strings.Join(all, ", ")
	if near := likely(key, all); near != "" {
		return fmt.Sprintf(": did you mean %s? %s", near, "T"+list[1:])
	}
	return ": " + list
}

// likely is the key that was meant: one with a slip in it, or the only one that has the
// word in it, or that is in it.
func likely(key string, all []string) string {
	if near := term.Nearest(key, all); near != "" {
		return near
	}
	var found []string
	stem := strings.TrimSuffix(key, "y") // of repository and repositories
	for _, name := range all {
		if len(key) > 2 && (strings.Contains(name, stem) || strings.Contains(key, name)) {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}
