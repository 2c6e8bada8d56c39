package borgmatic

import (
	"path"
	"strings"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/definitions"
)

// sources are what is backed up.
func (im *importer) sources(r *definitions.Repository) {
	for _, e := range im.entries(im.take("source_directories")) {
		im.addSource(r, "source_directories", e.text, e.node)
	}
}

func (im *importer) addSource(r *definitions.Repository, key, text string, n *yaml.Node) {
	s, ok := im.home(key, text, n)
	if !ok {
		return
	}
	if !strings.HasPrefix(s, "/") {
		im.refuse(n, key, "the source %s is not an absolute path: write it out", text)
		return
	}
	if dir := beforeGlob(s); dir != s {
		if dir == "/" {
			im.refuse(n, key, "the source %s is a pattern of all there is: name directories", text)
			return
		}
		im.doubt(n, key, "the source %s is a pattern, and a source is a directory: %s is taken whole; exclude what is not wanted", text, dir)
		s = dir
	}
	s = path.Clean(s)
	for _, have := range r.SourceDirectories {
		if have == s {
			return
		}
	}
	r.SourceDirectories = append(r.SourceDirectories, s)
}

// beforeGlob is the deepest directory that holds all that a pattern matches.
func beforeGlob(s string) string {
	i := strings.IndexAny(s, "*?[")
	if i < 0 {
		return s
	}
	return path.Clean(s[:strings.LastIndexByte(s[:i], '/')+1])
}

// home fills ~ in.
func (im *importer) home(key, text string, n *yaml.Node) (string, bool) {
	rest, ok := strings.CutPrefix(text, "~")
	if !ok {
		return text, true
	}
	if rest != "" && rest[0] != '/' || im.Home == "" {
		im.refuse(n, key, "~ in %s is the home of an account that is not known here: write the path out", text)
		return "", false
	}
	im.doubt(n, key, "~ in %s is taken for %s, the home of the account that ran this", text, im.Home)
	return im.Home + rest, true
}
