package borgmatic

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/definitions"
)

// Options is what the configuration itself does not say.
type Options struct {
	Hostname string // of the machine that it was made for
	Home     string // of the account that runs borgmatic
	Agent    string // name or id of the agent that is to use it
	Label    string // KEY=VALUE: for all hosts with this label, instead
}

// Note is something that a person has to know.
type Note struct {
	File string
	Line int
	Key  string
	Why  string
}

func (n Note) String() string {
	return fmt.Sprintf("%s:%d %s: %s", filepath.Base(n.File), n.Line, n.Key, n.Why)
}

// Result is what a configuration comes to.
type Result struct {
	File     string
	Defined  definitions.File
	Refused  []Note   // what does not come over
	Doubtful []Note   // what comes over, and should be looked at
	Commands []string // for the host
	Agent    []string // lines for the host's agent.yaml
	Many     bool     // it is for many hosts
}

// importer is one import.
type importer struct {
	Options
	source    source
	options   []*option
	constants *strings.Replacer
	result    Result
	file      string
}

// Import reads a configuration.
func Import(file string, o Options) (Result, error) {
	data, err := readFile(file)
	if err != nil {
		return Result{}, err
	}
	return imported(data, file, o)
}

func imported(data []byte, file string, o Options) (Result, error) {
	im := newImporter(file, o)
	root, err := im.source.parse(data, file, 0)
	if err != nil {
		return Result{}, err
	}
	if root.Kind != yaml.MappingNode {
		return Result{}, fmt.Errorf("%s: line %d: here must be a section of keys: it is no configuration of borgmatic", file, root.Line)
	}
	im.run(root)
	if len(im.result.Defined.Repositories) == 0 && len(im.result.Refused) == 0 {
		return Result{}, fmt.Errorf("%s names no repositories: it is no configuration of borgmatic", file)
	}
	for _, notes := range []*[]Note{&im.result.Refused, &im.result.Doubtful} {
		slices.SortStableFunc(*notes, func(a, b Note) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
		})
	}
	return im.result, nil
}

func newImporter(file string, o Options) *importer {
	return &importer{Options: o, file: file, source: source{files: map[*yaml.Node]string{}}, result: Result{File: file, Many: o.Label != ""}}
}

func (im *importer) run(root *yaml.Node) {
	im.options = optionsOf(root)
	im.readConstants()
	im.define()
	im.refuseRest()
}

func (im *importer) define() {
	base := definitions.Repository{Existing: true}
	im.sources(&base)
	im.excludes(&base)
	im.limits(&base)
	im.archiveNames(&base)
	im.retention(&base)
	im.repositories(base)
	im.host()
	im.schedule(base)
}

// refuse notes what does not come over.
func (im *importer) refuse(n *yaml.Node, key, why string, args ...any) {
	im.result.Refused = append(im.result.Refused, im.note(n, key, why, args...))
}

// doubt notes what comes over as something else.
func (im *importer) doubt(n *yaml.Node, key, why string, args ...any) {
	im.result.Doubtful = append(im.result.Doubtful, im.note(n, key, why, args...))
}

func (im *importer) note(n *yaml.Node, key, why string, args ...any) Note {
	return Note{File: cmp.Or(im.source.files[n], im.file), Line: max(n.Line, 1), Key: key, Why: fmt.Sprintf(why, args...)}
}

// refuseRest lists what nobody asked for.
func (im *importer) refuseRest() {
	for _, o := range im.options {
		if o.taken || isNull(o.value) || len(o.value.Content) == 0 && o.value.Kind != yaml.ScalarNode {
			continue
		}
		why, known := untaken()[o.name]
		if !known {
			why = "it is not known here"
		}
		im.refuse(o.key, o.label(), "%s", why)
	}
}
