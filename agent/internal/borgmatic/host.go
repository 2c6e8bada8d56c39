package borgmatic

import (
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"borgfleet/shared/term"
)

// host is what belongs on the host itself, and never to the controller: how the
// repository is opened and reached.
func (im *importer) host() {
	opened := im.secret() + im.baseDir()
	for _, r := range im.result.Defined.Repositories {
		im.result.Commands = append(im.result.Commands, "borgfleet-agent adopt "+term.Shell(r.Path)+opened)
	}
	if len(im.result.Defined.Repositories) > 0 && im.result.Defined.Repositories[0].Retention != nil {
		im.result.Commands = append(im.result.Commands, "borgfleet-agent allow --maintenance")
	}
	im.ssh()
	if p, o := im.word("local_path"); p != "" {
		if strings.Contains(p, "/") && !filepath.IsAbs(p) {
			im.refuse(o.value, o.label(), "borg in agent.yaml is a name or an absolute path")
		} else {
			im.agentLine(map[string]any{"borg": p})
			im.forWholeHost(o)
		}
	}
}

// forWholeHost warns of a line of agent.yaml that was for one configuration.
func (im *importer) forWholeHost(o *option) {
	im.doubt(o.key, o.label(), "in agent.yaml it is for all repositories of the host: if it has others, look whether these are reached with it, too")
}

// baseDir is the option of adopt that says where the keys and caches are. It is for
// these repositories alone: one for the whole host would hide the keys of others.
func (im *importer) baseDir() string {
	p, o := im.word("borg_base_directory")
	if p == "" {
		return ""
	}
	if !filepath.IsAbs(p) {
		im.refuse(o.value, o.label(), "adopt takes an absolute path: add --borg-base-dir DIR to it")
		return ""
	}
	return " --borg-base-dir " + term.Shell(p)
}

// secret is the option of adopt that says where the passphrase is. Neither a
// passphrase nor the words of a command, which may hold one, are repeated.
func (im *importer) secret() string {
	phrase, command := im.take("encryption_passphrase"), im.take("encryption_passcommand")
	switch {
	case phrase != nil:
		if command != nil {
			im.refuse(command.key, command.label(), "%s counts, as with borg", phrase.label())
		}
		if m := regexp.MustCompile(`^\{credential file (/[^{}]+)\}$`).FindStringSubmatch(phrase.value.Value); m != nil {
			return " --passphrase-file " + term.Shell(m[1])
		}
		im.refuse(phrase.key, phrase.label(), "a passphrase stays on the host: write it into a file that only the agent's account can read, and name that to adopt")
		return " --passphrase-file FILE"
	case command != nil:
		if m := regexp.MustCompile(`^(?:/usr)?(?:/bin/)?cat\s+"?(/[^\s"'$\\;|&<>()` + "`" + `]+)"?$`).FindStringSubmatch(command.value.Value); m != nil {
			return " --passphrase-file " + term.Shell(m[1])
		}
		im.refuse(command.key, command.label(), "the command stays on the host, and is not repeated here: name it to adopt, with the absolute path of its program; no shell runs it, so ~, $ and | mean nothing in it")
		return " --passphrase-command 'COMMAND'"
	}
	if len(im.result.Defined.Repositories) > 0 {
		im.doubt(&yaml.Node{}, "encryption_passphrase", "nothing says how the repositories are opened: if borgmatic has BORG_PASSPHRASE or BORG_PASSCOMMAND from its environment, name that to adopt with --passphrase-file or --passphrase-command")
	}
	return ""
}

// ssh takes a command that is ssh itself: one of another program may hold a
// password.
func (im *importer) ssh() {
	command, o := im.word("ssh_command")
	if command == "" {
		return
	}
	words, ok := shellWords(command)
	if !ok || len(words) == 0 || filepath.Base(words[0]) != "ssh" {
		im.refuse(o.key, o.label(), "it is not ssh with options, and is not repeated here: write it into agent.yaml, as ssh: {command: [PROGRAM, OPTION, …]}")
		return
	}
	im.agentLine(map[string]any{"ssh": map[string]any{"command": words}})
	im.forWholeHost(o)
}

// agentLine adds lines for agent.yaml.
func (im *importer) agentLine(v any) {
	var b strings.Builder
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if e.Encode(v) == nil && e.Close() == nil {
		im.result.Agent = append(im.result.Agent, strings.Split(strings.TrimSpace(b.String()), "\n")...)
	}
}

// shellWords splits a command as a shell would that fills nothing in; false: one
// would fill something in, or a quote has no end.
func shellWords(s string) (words []string, ok bool) {
	var word strings.Builder
	var quote rune
	in := false
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case strings.ContainsRune("\\$`;|&<>()", r):
			return nil, false
		case r == ' ' || r == '\t' || r == '\n':
			if in {
				words = append(words, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words, quote == 0
}
