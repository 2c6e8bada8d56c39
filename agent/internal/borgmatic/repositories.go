package borgmatic

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/definitions"
	"borgfleet/shared/job"
)

// repositories makes a definition for each.
func (im *importer) repositories(base definitions.Repository) {
	o := im.take("repositories")
	if o == nil {
		return
	}
	nodes := []*yaml.Node{o.value}
	if o.value.Kind == yaml.SequenceNode {
		nodes = o.value.Content
	}
	for _, n := range nodes {
		r := base
		if im.repository(&r, o.label(), n) {
			im.result.Defined.Repositories = append(im.result.Defined.Repositories, r)
		}
	}
	if len(base.SourceDirectories) == 0 && len(im.result.Defined.Repositories) > 0 {
		im.doubt(o.key, o.label(), "nothing is left that says what to back up: write source_directories")
	}
}

// repository reads one entry: a path, or a section with path and label.
func (im *importer) repository(r *definitions.Repository, key string, n *yaml.Node) bool {
	at, label := n, ""
	if n.Kind == yaml.MappingNode {
		at = nil
		for i := 0; i+1 < len(n.Content); i += 2 {
			name, value := n.Content[i], n.Content[i+1]
			switch {
			case name.Value == "path":
				at = value
			case isNull(value):
			case name.Value == "label":
				label, _ = im.text(key+".label", value)
			case name.Value == "encryption" && job.CheckEncryption(value.Value) == nil:
				r.Encryption = value.Value
			default:
				im.refuse(name, key+"."+name.Value, "it is for the making of a repository, which is there")
			}
		}
	}
	if at == nil {
		im.refuse(n, key, "the entry has no path")
		return false
	}
	text, ok := im.text(key, at)
	if !ok {
		return false
	}
	location, ok := im.location(key, text, at)
	if !ok {
		return false
	}
	r.Path, r.Name = location, im.nameOf(location, label)
	im.forHosts(r, key, at)
	return true
}

// location is a repository's path as REST takes it.
func (im *importer) location(key, text string, n *yaml.Node) (string, bool) {
	refuse := func(why string, args ...any) (string, bool) {
		im.refuse(n, key, "%s: "+why, append([]any{withoutPassword(text)}, args...)...)
		return "", false
	}
	s, ok := im.home(key, text, n)
	if !ok {
		return "", false
	}
	s = strings.ReplaceAll(s, "{hostname}", im.hostWord())
	full := strings.Contains(s, "{fqdn}")
	s = strings.TrimPrefix(strings.ReplaceAll(s, "{fqdn}", im.hostWord()), "file://")
	if strings.ContainsAny(strings.ReplaceAll(s, agentWord, ""), "{}") {
		return refuse("it has a placeholder that is not known here: write it out")
	}
	scheme, _, isURL := strings.Cut(s, "://")
	switch {
	case withoutPassword(s) != s:
		return refuse("the URL must not have a password: ssh uses keys")
	case strings.Contains(s, "::"):
		return refuse("it has ::, which ends a repository's path here")
	case isURL && scheme != "ssh", strings.HasPrefix(s, "rclone:"), strings.HasPrefix(s, "s3:"), strings.HasPrefix(s, "b2:"):
		return refuse("borg 1.x, which the fleet runs, reaches no such place")
	case strings.HasPrefix(s, "/"):
		s = path.Clean(s)
	case !isURL:
		normal, local := job.NormalPath(s)
		if local {
			return refuse("it is neither an absolute path nor one of a server: write it out")
		}
		s = normal
	}
	if full {
		im.doubt(n, key, "%s: {fqdn} is taken for the host's name, %s: write it out if it is longer", text, im.hostWord())
	}
	return s, true
}

// withoutPassword is a URL as others may see it.
func withoutPassword(s string) string {
	return regexp.MustCompile(`://([^/@:]*):[^/@]*@`).ReplaceAllString(s, "://$1:…@")
}

// nameOf is the label, or the end of the path.
func (im *importer) nameOf(location, label string) string {
	name := label
	if name == "" {
		name = strings.TrimSuffix(path.Base(location), ".borg")
	}
	name = strings.ReplaceAll(name, agentWord, "\x00")
	name = strings.TrimLeft(strings.Map(func(r rune) rune {
		if strings.ContainsRune("/{}:", r) {
			return '-'
		}
		return r
	}, name), "-. ")
	name = strings.ReplaceAll(name, "\x00", agentWord)
	if _, err := strconv.Atoi(name); err == nil || name == "" || len(name) > 40 {
		name = "borgmatic"
	}
	if im.Label != "" && !strings.Contains(name, agentWord) {
		name = agentWord + "-" + name // a name that several hosts have is asked back about
	}
	base := name
	for n := 2; im.named(name); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}

func (im *importer) named(name string) bool {
	for _, r := range im.result.Defined.Repositories {
		if r.Name == name {
			return true
		}
	}
	return false
}

// forHosts says whose it is.
func (im *importer) forHosts(r *definitions.Repository, key string, n *yaml.Node) {
	if im.Label == "" {
		r.Agent = im.Agent
		return
	}
	r.For = &definitions.For{Label: im.Label}
	if strings.HasPrefix(r.Path, "/") || strings.Contains(r.Path, agentWord) {
		return
	}
	r.Shared = true
	im.doubt(n, key, "%s is one repository for all hosts with the label %s: shared says that this is meant", r.Path, im.Label)
	for _, name := range []*string{&r.ArchiveNameFormat, &r.MatchArchives} {
		if *name != "" && !strings.Contains(*name, agentWord) {
			im.refuse(n, key, "%s: the archives of hosts that share it have no host in their name: %s is left out, or hosts would prune what others made", r.Path, *name)
			*name = ""
		}
	}
}
