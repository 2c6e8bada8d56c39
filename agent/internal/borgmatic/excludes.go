package borgmatic

import (
	"path/filepath"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/definitions"
)

// excludes are what is left out of the backup.
func (im *importer) excludes(r *definitions.Repository) {
	for _, e := range im.entries(im.take("exclude_patterns")) {
		if text, ok := im.home("exclude_patterns", e.text, e.node); ok {
			im.addExclude(r, "exclude_patterns", text, e.node)
		}
	}
	for _, e := range im.lines("exclude_from") {
		im.addExclude(r, "exclude_from", e.text, e.node)
	}
	order := patternOrder{style: "sh"} // borg's for patterns; for excludes it is fm
	for _, e := range im.entries(im.take("patterns")) {
		im.pattern(r, &order, "patterns", e)
	}
	for _, e := range im.lines("patterns_from") {
		im.pattern(r, &order, "patterns_from", e)
	}
	r.OneFileSystem = im.flag("one_file_system")
	r.ExcludeCaches = im.flag("exclude_caches")
	o := im.take("exclude_if_present")
	for _, e := range im.entries(o) {
		if strings.Contains(e.text, "/") || strings.HasPrefix(e.text, "-") {
			im.refuse(e.node, o.label(), "%s is not the name of a file", e.text)
			continue
		}
		r.ExcludeIfPresent = append(r.ExcludeIfPresent, e.text)
	}
}

// lines are those of the files that an option names. A line is noted where its
// file is named.
func (im *importer) lines(name string) []entry {
	o := im.take(name)
	var out []entry
	for _, e := range im.entries(o) {
		file, ok := im.home(name, e.text, e.node)
		if !ok {
			continue
		}
		if !filepath.IsAbs(file) {
			im.refuse(e.node, o.label(), "%s is not an absolute path: write it out", e.text)
			continue
		}
		data, err := readFile(file)
		if err != nil {
			im.refuse(e.node, o.label(), "%v: run this on the host that has the file", err)
			continue
		}
		number := 0
		for line := range strings.Lines(string(data)) {
			number++
			text := strings.TrimSpace(line)
			if text == "" || text[0] == '#' {
				continue
			}
			n := &yaml.Node{Kind: yaml.ScalarNode, Line: number, Value: text}
			im.source.files[n] = file
			out = append(out, entry{text, n})
		}
	}
	return out
}

func (im *importer) addExclude(r *definitions.Repository, key, text string, n *yaml.Node) {
	if why := badPattern(text); why != "" {
		im.refuse(n, key, "%s: %s", text, why)
		return
	}
	r.ExcludePatterns = append(r.ExcludePatterns, text)
}

// badPattern says what the controller would say of a pattern.
func badPattern(s string) string {
	switch {
	case strings.HasPrefix(s, "-"):
		return "it begins with -"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "it has a character that cannot be printed"
	}
	if style := styleOf(s); style != "" && !isStyle(style) {
		return "its style must be one of fm, sh, re, pp, pf"
	}
	return ""
}

// styleOf is the style that a pattern begins with; empty: none.
func styleOf(s string) string {
	alphanumeric := func(c byte) bool {
		return c < 0x80 && (unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)))
	}
	if len(s) < 3 || s[2] != ':' || !alphanumeric(s[0]) || !alphanumeric(s[1]) {
		return ""
	}
	return s[:2]
}

func isStyle(s string) bool { return s == "fm" || s == "sh" || s == "re" || s == "pp" || s == "pf" }

// patternOrder is where a list of patterns has come to: the first that matches a
// file counts.
type patternOrder struct {
	style    string
	included bool // a + stood before
}

// pattern takes one line of borg's patterns. What follows a + is not taken: without
// the + it could leave out what the + brings in, and a backup that holds too
// much is better than one that lacks something.
func (im *importer) pattern(r *definitions.Repository, order *patternOrder, key string, e entry) {
	text := strings.TrimSpace(e.text[1:])
	if text == "" {
		im.refuse(e.node, key, "%s is no pattern", e.text)
		return
	}
	switch e.text[0] {
	case 'R', 'r':
		im.addSource(r, key, text, e.node)
	case 'P', 'p':
		if isStyle(text) {
			order.style = text
			return
		}
		im.refuse(e.node, key, "%s: the style must be one of fm, sh, re, pp, pf", e.text)
	case '+':
		order.included = true
		im.refuse(e.node, key, "%s: there is no include that comes before an exclude; of this list only what stands above is left out of the backup", e.text)
	case '-', '!':
		if order.included {
			im.refuse(e.node, key, "%s: it stands below a +, and could leave out what that brings in: write it into exclude_patterns if it does not", e.text)
			return
		}
		if styleOf(text) == "" {
			text = order.style + ":" + text
		}
		im.addExclude(r, key, text, e.node)
	default:
		im.refuse(e.node, key, "%s is no pattern: one begins with R, P, +, - or !", e.text)
	}
}
