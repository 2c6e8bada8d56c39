package cli

import (
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
)

// typedFor is what a person types for a field that the controller refused: the option
// that was given, the argument, or the option that could have been. There is none if
// the command itself says it, as pause does.
func typedFor(c *cli.Context, field rest.ProblemField) (string, bool) {
	in, name, _ := strings.Cut(field.Location, ".")
	names := optionsFor(name)
	given := c.FlagNames()
	for _, option := range names {
		if (in == "query" || in == "body") && slices.Contains(given, option) {
			return "--" + option, true
		}
	}
	if in != "body" { // what no option has asked is not what is wrong with the line
		return "", false
	}
	arguments := strings.FieldsFunc(c.Command.ArgsUsage, func(r rune) bool { return !(r >= 'A' && r <= 'Z' || r == '-') })
	for _, word := range argumentsFor(first(name)) {
		if slices.Contains(arguments, word) {
			return word, true
		}
	}
	for _, option := range names {
		if hasOption(c, option) {
			return "--" + option, true
		}
	}
	return "", false
}

func hasOption(c *cli.Context, option string) bool {
	return slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), option) })
}

// first is the field of a body in which another one lies: source_directories of
// source_directories[0], labels of labels.site.
func first(name string) string {
	name, _, _ = strings.Cut(name, ".")
	name, _, _ = strings.Cut(name, "[")
	return name
}

// optionsFor are the options that may stand for a field. Where REST takes a secret the
// command line takes its file, and what may be repeated is called by one of it.
func optionsFor(name string) []string {
	field := first(name)
	_, inner, _ := strings.Cut(name, ".")
	switch dashed := strings.ReplaceAll(field, "_", "-"); field {
	case "passphrase", "passphrase_sealed":
		return []string{"passphrase-file"}
	case "password":
		return []string{"password-file", "smtp-password-file"}
	case "url":
		return []string{"url", "url-file"}
	case "secret", "token", "ping_url":
		return []string{dashed + "-file"}
	case "source_directories":
		return []string{"source"}
	case "exclude_patterns":
		return []string{"exclude"}
	case "retention":
		return []string{strings.ReplaceAll(first(inner), "_", "-"), "keep-daily"}
	case "hooks":
		return []string{"hook-" + strings.ReplaceAll(first(inner), "_", "-"), "hook-before"}
	case "cron_expression":
		return []string{"cron"}
	case "run_prune_after", "run_compact_after", "run_check_after":
		return []string{strings.TrimSuffix(strings.TrimPrefix(dashed, "run-"), "-after")}
	case "repositories", "repository_id", "repository_ids":
		return []string{"repository"}
	case "events", "kinds", "agents", "labels":
		return []string{strings.TrimSuffix(dashed, "s")}
	case "channels", "destination":
		return []string{"to"}
	default:
		return []string{strings.TrimPrefix(dashed, "prune-")} // prune_keep_daily is --keep-daily
	}
}

// argumentsFor is what the help calls the argument for a field.
func argumentsFor(field string) []string {
	switch field {
	case "cron_expression":
		return []string{"CRON", "EXPRESSION"}
	case "paths", "paths_base64", "path_base64":
		return []string{"PATH"}
	case "archives":
		return []string{"ARCHIVE"}
	case "labels":
		return []string{"LABEL"}
	case "max_parallel":
		return []string{"NUMBER"}
	}
	return []string{strings.ToUpper(field)}
}

// inOptions puts what the controller says in the names of the command line.
func inOptions(c *cli.Context, message string) string {
	message = strings.ReplaceAll(message, ": give passphrase, or passphrase_sealed", ", in a FILE, or - for standard input")
	if hasOption(c, "keep-daily") {
		message = strings.ReplaceAll(message, "prune_keep_…", "--keep-…")
	}
	return regexp.MustCompile(`\b[a-z]+(_[a-z]+)+\b`).ReplaceAllStringFunc(message, func(word string) string {
		for _, option := range optionsFor(word) {
			if hasOption(c, option) {
				return "--" + option
			}
		}
		return word
	})
}
