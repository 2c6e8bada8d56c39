package borg

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"borgfleet/shared/job"
)

// quarterly is the first borg that keeps by quarters.
var quarterly = Version{Major: 1, Minor: 4, Patch: 1}

// Prune is borg prune of the archives that pattern, borg's glob, matches. It
// names every archive that it removes and keeps: the controller reads from the
// log what this host has removed.
func Prune(h Host, spec job.Spec, pattern string, v Version) (Invocation, error) {
	if spec.Prune == nil {
		return Invocation{}, badRequest("the order to prune says nothing of what to keep")
	}
	if err := spec.Prune.Keep.Check(); err != nil {
		return Invocation{}, badRequest("%v", err)
	}
	if err := checkGlob(pattern); err != nil {
		return Invocation{}, err
	}
	keep, err := keepOptions(spec.Prune.Keep, v)
	if err != nil {
		return Invocation{}, err
	}
	options := []string{"--list"}
	if spec.Prune.DryRun {
		options = append(options, "--dry-run")
	} else {
		options = append(options, "--stats") // said after all is written: the word that it is done
	}
	options = append(append(options, "--glob-archives="+pattern), keep...)
	return maintenance(h, spec.Repository, "prune", options...)
}

func keepOptions(k job.Keep, v Version) ([]string, error) {
	if k.Quarterly > 0 && v.Compare(quarterly) < 0 {
		return nil, &Error{job.CodeBorgVersion, "borg " + v.String() + " cannot keep by quarters: borg 1.4.1 or newer is needed, or another rule than keep_quarterly"}
	}
	var out []string
	for _, c := range k.Counts() {
		if *c.N == 0 {
			continue
		}
		option := "--" + strings.ReplaceAll(c.Name, "_", "-")
		if c.N == &k.Quarterly {
			option = "--keep-3monthly" // calendar quarters
		}
		out = append(out, option+"="+strconv.FormatInt(*c.N, 10))
	}
	if k.Within != "" {
		out = append(out, "--keep-within="+k.Within)
	}
	return out, nil
}

// checkGlob takes a pattern for archives' names. borg fills braces in.
func checkGlob(pattern string) error {
	switch {
	case pattern == "":
		return badRequest("the pattern for archives is empty, and would match none")
	case !utf8.ValidString(pattern) || hasControl(pattern) || strings.ContainsAny(pattern, "{}/"):
		return badRequest("the pattern for archives %q has a brace, a slash or a control character", pattern)
	case len(pattern) > 512:
		return badRequest("the pattern for archives is longer than 512 bytes")
	}
	return nil
}

// Compact is borg compact. What it frees it says only if it is asked for more
// than warnings.
func Compact(h Host, spec job.Spec) (Invocation, error) {
	return talkative(maintenance(h, spec.Repository, "compact"))
}

// Check is borg check: of the repository and all archives, of one of them, or of
// as much of the repository as can be read in a time.
func Check(h Host, spec job.Spec) (Invocation, error) {
	var what job.CheckSpec
	if spec.Check != nil {
		what = *spec.Check
	}
	options, err := checkOptions(what)
	if err != nil {
		return Invocation{}, err
	}
	return talkative(maintenance(h, spec.Repository, "check", options...))
}

// checkOptions: what borg verifies it reads from the archives' side, and a time
// it takes only for the repository's.
func checkOptions(c job.CheckSpec) (options []string, err error) {
	if err := c.Check(); err != nil {
		return nil, badRequest("a check of the depth %q: %v", string(c.Depth), err)
	}
	if c.MaxDuration < 0 {
		return nil, badRequest("the longest time of a check, %s, is negative", c.MaxDuration)
	}
	switch {
	case c.Depth == job.CheckRepository, c.MaxDuration > 0:
		options = append(options, "--repository-only")
	case c.Depth == job.CheckArchives:
		options = append(options, "--archives-only")
	case c.Depth == job.CheckData:
		options = append(options, "--verify-data")
	}
	if c.MaxDuration > 0 {
		options = append(options, "--max-duration="+wholeSeconds(c.MaxDuration))
	}
	return options, nil
}

// BreakLock is borg break-lock. It takes away whatever lock there is, also that
// of a borg that is at work: who orders it knows that there is none.
func BreakLock(h Host, spec job.Spec) (Invocation, error) {
	return maintenance(h, spec.Repository, "break-lock")
}

func maintenance(h Host, repo job.Repository, verb string, options ...string) (Invocation, error) {
	if _, err := ParseLocation(repo.Path); err != nil {
		return Invocation{}, err
	}
	inv, err := command(h, repo, verb, repo.BorgID == "", true)
	if err != nil {
		return Invocation{}, err
	}
	inv.Args = append(append(inv.Args, options...), "--", repo.Path)
	return inv, nil
}

// talkative has borg say what it found and did, and not only what went wrong.
func talkative(inv Invocation, err error) (Invocation, error) {
	if err == nil {
		inv.Args = slices.Insert(inv.Args, 1, "--info")
	}
	return inv, err
}
