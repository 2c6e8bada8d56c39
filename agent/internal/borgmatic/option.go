package borgmatic

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// option is one key of the configuration with its value.
type option struct {
	name    string
	section string // of the form up to 1.7; empty in the flat one
	key     *yaml.Node
	value   *yaml.Node
	taken   bool
}

// sections are those of the form up to 1.7. From 1.8 on the keys stand by
// themselves.
func sections() []string {
	return []string{"location", "storage", "retention", "consistency", "output", "hooks"}
}

// optionsOf lists the keys of both forms.
func optionsOf(root *yaml.Node) []*option {
	var out []*option
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		if !slices.Contains(sections(), key.Value) || value.Kind != yaml.MappingNode {
			out = append(out, &option{name: key.Value, key: key, value: value})
			continue
		}
		for j := 0; j+1 < len(value.Content); j += 2 {
			out = append(out, &option{name: value.Content[j].Value, section: key.Value, key: value.Content[j], value: value.Content[j+1]})
		}
	}
	return out
}

func (o *option) label() string {
	if o.section != "" {
		return o.section + "." + o.name
	}
	return o.name
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// take gives the option of a name, which is dealt with then; nil: nothing is said.
func (im *importer) take(name string) *option {
	var found *option
	for _, o := range im.options {
		if o.name != name || o.taken {
			continue
		}
		o.taken = true
		if found != nil {
			im.refuse(o.key, o.label(), "it is said twice, and %s counts", found.label())
			continue
		}
		found = o
	}
	if found == nil || isNull(found.value) {
		return nil
	}
	return found
}

// takeIn is take for a key that two sections have.
func (im *importer) takeIn(section, name string) *option {
	for _, o := range im.options {
		if o.name == name && !o.taken && (o.section == section || o.section == "") {
			o.taken = true
			if isNull(o.value) {
				return nil
			}
			return o
		}
	}
	return nil
}

// text is a scalar with its constants filled in; false: it cannot be taken, and
// that was said.
func (im *importer) text(name string, n *yaml.Node) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		im.refuse(n, name, "here must be a text")
		return "", false
	}
	s := im.constants.Replace(n.Value)
	if variable := environment(s); variable != "" {
		im.refuse(n, name, "it holds the environment variable %s, which is not taken: write the value out", variable)
		return "", false
	}
	return s, true
}

// environment names the first ${VARIABLE}; what stands for it where there is none
// is not repeated.
func environment(s string) string {
	m := regexp.MustCompile(`\$\{([A-Za-z0-9_]+)[^}]*\}`).FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	return "${" + m[1] + "}"
}

// entry is one text of a list.
type entry struct {
	text string
	node *yaml.Node
}

// entries are the texts of a list, or the one text that stands for a list.
func (im *importer) entries(o *option) []entry {
	if o == nil {
		return nil
	}
	nodes := []*yaml.Node{o.value}
	if o.value.Kind == yaml.SequenceNode {
		nodes = o.value.Content
	}
	var out []entry
	for _, n := range nodes {
		if s, ok := im.text(o.label(), n); ok && s != "" {
			out = append(out, entry{s, n})
		}
	}
	return out
}

// word is one text; empty: none.
func (im *importer) word(name string) (string, *option) {
	o := im.take(name)
	if o == nil {
		return "", nil
	}
	s, ok := im.text(o.label(), o.value)
	if !ok {
		return "", nil
	}
	return s, o
}

// number is a whole number from 0 on.
func (im *importer) number(name string) int64 {
	n, _ := im.numberOf(name)
	return n
}

func (im *importer) numberOf(name string) (int64, *option) {
	o := im.take(name)
	if o == nil {
		return 0, nil
	}
	var n int64
	if o.value.Decode(&n) != nil || n < 0 {
		im.refuse(o.value, o.label(), "here must be a whole number")
		return 0, nil
	}
	return n, o
}

func (im *importer) flag(name string) bool {
	o := im.take(name)
	if o == nil {
		return false
	}
	var yes bool
	if o.value.Decode(&yes) != nil {
		im.refuse(o.value, o.label(), "here must be true or false")
	}
	return yes
}

// readConstants takes what stands for {NAME} in other values.
func (im *importer) readConstants() {
	im.constants = strings.NewReplacer()
	o := im.take("constants")
	if o == nil {
		return
	}
	if o.value.Kind != yaml.MappingNode {
		im.refuse(o.value, "constants", "here must be a section of keys")
		return
	}
	var pairs []string
	for i := 0; i+1 < len(o.value.Content); i += 2 {
		key, value := o.value.Content[i], o.value.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			im.refuse(value, "constants."+key.Value, "only texts and numbers are taken")
			continue
		}
		pairs = append(pairs, "{"+key.Value+"}", value.Value)
	}
	im.constants = strings.NewReplacer(pairs...)
}
