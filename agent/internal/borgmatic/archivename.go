package borgmatic

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/definitions"
)

const (
	agentWord = "{agent}"
	// usualName is what borgmatic calls archives where nothing is said.
	usualName = "{hostname}-{now:%Y-%m-%dT%H:%M:%S.%f}"
	// ourNow is what {now} is in archives of the fleet, as a glob.
	ourNow = "????-??-??T??:??:??.???"
)

// archiveNames has new archives named as the old ones are, as far as that goes, and
// matches both: what is kept is counted over all of them.
func (im *importer) archiveNames(r *definitions.Repository) {
	format, o := im.word("archive_name_format")
	if o == nil {
		format, o = usualName, &option{key: &yaml.Node{}, value: &yaml.Node{}, name: "archive_name_format"}
	}
	name, why := im.translateName(format)
	if why == "" {
		r.ArchiveNameFormat, r.MatchArchives = name.ours, name.both()
		if name.doubt != "" {
			im.doubt(o.value, o.label(), "%s", name.doubt)
		}
	} else {
		im.refuse(o.value, o.label(), "%s; new archives are named as borgfleet does", why)
	}
	if glob, of := im.givenMatch(); of != nil {
		r.MatchArchives = glob
		if !strings.HasPrefix(name.new, glob[:strings.IndexAny(glob+"*", "*?[")]) {
			im.doubt(of.value, of.label(), "it does not match the names that new archives get, so these would never be pruned: match_archives must match old and new ones")
		}
	} else if why != "" {
		im.doubt(o.value, o.label(), "archives that borgmatic has made are not matched, and are never pruned: write match_archives, so that it matches old and new ones")
	}
}

// givenMatch is what the configuration says of which archives are its own.
func (im *importer) givenMatch() (glob string, o *option) {
	prefix := im.takeIn("retention", "prefix")
	if o := im.takeIn("consistency", "prefix"); o != nil {
		im.refuse(o.key, o.label(), "a check looks at all archives, which is more")
	}
	match := im.take("match_archives")
	switch {
	case match != nil:
		if prefix != nil {
			im.refuse(prefix.key, prefix.label(), "match_archives counts: look whether it matches what is to be pruned")
		}
		s, ok := im.text(match.label(), match.value)
		shell, isShell := strings.CutPrefix(s, "sh:")
		if !ok {
			return "", nil
		}
		if !isShell && s != "*" {
			im.refuse(match.value, match.label(), "only sh: patterns are taken: write a glob into match_archives")
			return "", nil
		}
		return im.globOf(shell, match)
	case prefix != nil:
		s, ok := im.text(prefix.label(), prefix.value)
		if !ok {
			return "", nil
		}
		return im.globOf(s+"*", prefix)
	}
	return "", nil
}

func (im *importer) globOf(s string, o *option) (string, *option) {
	if s == "*" {
		im.doubt(o.value, o.label(), "it matches every archive in the repository, those of other hosts as well: a prune would count them all")
	}
	s = strings.ReplaceAll(s, "{hostname}", im.hostWord())
	if strings.ContainsAny(strings.ReplaceAll(s, agentWord, ""), "{}/") {
		im.refuse(o.value, o.label(), "it has a placeholder or a slash that a glob here cannot have")
		return "", nil
	}
	return s, o
}

// hostWord stands for the host in names.
func (im *importer) hostWord() string {
	if im.Label != "" {
		return agentWord
	}
	return im.Hostname
}

// archiveName is a format in our words, with globs for what the old and the new one
// make.
type archiveName struct {
	ours, old, new string
	doubt          string
}

// both matches what either makes: as far as they are alike.
func (n archiveName) both() string {
	i := 0
	for i < len(n.old) && i < len(n.new) && n.old[i] == n.new[i] {
		i++
	}
	return strings.TrimSuffix(n.new[:i], "*") + "*"
}

// translateName says why a format does not come over, or gives what it becomes.
func (im *importer) translateName(format string) (n archiveName, why string) {
	times := 0
	add := func(ours, old, fresh string) { n.ours, n.old, n.new = n.ours+ours, n.old+old, n.new+fresh }
	rest := format
	for rest != "" {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			open = len(rest)
		}
		plain := rest[:open]
		if strings.ContainsAny(plain, `/\*?[]}: `) || strings.HasPrefix(format, "-") {
			return n, "it has characters that archives here do not have in their names"
		}
		add(plain, plain, plain)
		if rest = rest[open:]; rest == "" {
			break
		}
		end := strings.IndexByte(rest, '}')
		if end < 0 {
			return n, "a { has no }"
		}
		word, form, _ := strings.Cut(rest[1:end], ":")
		rest = rest[end+1:]
		switch word {
		case "hostname", "fqdn":
			add(im.hostWord(), im.hostWord(), im.hostWord())
			if word == "fqdn" {
				n.doubt = "{fqdn} is taken for the host's name: if archives have a longer one, match_archives must match that too"
			}
		case "now", "utcnow":
			times++
			add("{"+word+"}", timeGlob(form), ourNow)
		default:
			return n, "the placeholder {" + word + "} is not known here"
		}
	}
	if times != 1 {
		return n, "it does not have {now} once, which makes names here their own"
	}
	return n, ""
}

// timeGlob is a glob for what a format of strftime makes.
func timeGlob(form string) string {
	if form == "" {
		return "????-??-??T??:??:??"
	}
	width := map[string]int{"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2, "%y": 2, "%j": 3, "%f": 6}
	return regexp.MustCompile(`%.`).ReplaceAllStringFunc(form, func(d string) string {
		if n := width[d]; n > 0 {
			return strings.Repeat("?", n)
		}
		return "*"
	})
}
