package cli

import (
	"strings"

	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
	"borgfleet/shared/term"
)

// describe says what the controller may do on this host, and how to allow more.
func describe(allow policy.Allow, dir state.Dir) string {
	var b strings.Builder
	row := func(text string) { b.WriteString("  - " + text + "\n") }
	b.WriteString(recoveryText(allow, dir) + "The controller may, on this host:\n")
	if allow.All {
		row("do everything that borg can, also restore files onto it")
		describeFloor(allow, row)
		describeSecrets(allow, row)
		row("use any repository and any source")
		row("run any hook of this host's hooks directory before and after backups")
		b.WriteString("To take that back, edit " + term.Clean(dir.Config()) + ".\n")
		return b.String()
	}
	command := "borgfleet-agent allow" + dirOption(dir)
	var more []string
	if len(allow.Repositories) == 0 {
		row("use no repository yet, so nothing can be backed up")
	} else {
		row("create, back up to, list and check the repositories " + words(allow.Repositories))
	}
	more = append(more, command+" --repository PATTERN")
	if len(allow.Sources) == 0 {
		row("back up any directory (narrow that with --source PATH)")
	} else {
		row("back up what lies at or below " + words(allow.Sources))
		more = append(more, command+" --source PATH")
	}
	if allow.Maintenance {
		row("prune, compact and break locks")
	} else {
		row("not prune, compact or break locks")
		more = append(more, command+" --maintenance")
	}
	describeFloor(allow, row)
	describeSecrets(allow, row)
	if len(allow.Hooks) == 0 {
		row("not run hooks")
	} else {
		row("run the hooks " + words(allow.Hooks) + " before and after backups")
	}
	more = append(more, command+" --hook NAME")
	if len(allow.Ping) > 0 {
		row("have the ping URLs " + words(allow.Ping) + " called")
	}
	if len(allow.Destinations) == 0 {
		row("not restore files")
	} else {
		row("restore files to new directories at or below " + words(allow.Destinations))
	}
	more = append(more, command+" --destination PATH", command+" --all")
	b.WriteString("To allow more:\n  " + strings.Join(more, "\n  ") + "\n")
	return b.String()
}

func describeFloor(allow policy.Allow, row func(string)) {
	floor := allow.RetentionFloor.Keep()
	if floor == (job.Keep{}) {
		return
	}
	text := "only prune what is beyond " + floor.String()
	if floor.Within == "" {
		text += " (that counts archives, and whoever may order backups can fill the counts with worthless ones: add keep_within to retention_floor in agent.yaml, which keeps every archive for its time)"
	}
	row(text)
}

func describeSecrets(allow policy.Allow, row func(string)) {
	if allow.OwnSecrets {
		row("back up this agent's own keys and borg's key files (own_secrets)")
	}
}

// recoveryText says who can open this host's backups when it is gone.
func recoveryText(allow policy.Allow, dir state.Dir) string {
	key, sealed := allow.SealTo()
	switch {
	case sealed && allow.RecoveryPassphrases:
		return "What opens this host's backups when it is gone is sealed to the recovery key " + seal.Fingerprint(key) + ", with the passphrases that live here.\n"
	case sealed:
		return "What opens this host's backups when it is gone is sealed to the recovery key " + seal.Fingerprint(key) + ", without the passphrases that live here (--recovery-passphrases).\n"
	case allow.RecoveryKey == policy.NoRecoveryKey:
		return "Nothing is sealed to a recovery key: keep this host's keys and passphrases elsewhere yourself.\n"
	}
	return "No recovery key was accepted yet, so nothing is sealed to one (borgfleet-agent allow --recovery-key" + dirOption(dir) + ").\n"
}

func words(list []string) string {
	clean := make([]string, len(list))
	for i, s := range list {
		clean[i] = term.Clean(s)
	}
	return strings.Join(clean, ", ")
}

// permissionOf is the allow section for programs.
type permissionOf struct {
	Repositories []string `json:"repositories"`
	Sources      []string `json:"sources"`      // none: any
	Destinations []string `json:"destinations"` // none: no restores
	Maintenance  bool     `json:"maintenance"`
	Hooks        []string `json:"hooks"` // none: no hook
	Ping         []string `json:"ping"`  // none: no URL
	All          bool     `json:"all"`
	// OwnSecrets: backups take the agent's own keys as well.
	OwnSecrets bool `json:"own_secrets"`
	// RetentionFloor is empty without one.
	RetentionFloor policy.Floor `json:"retention_floor"`
	RecoveryKey    string       `json:"recovery_key"` // empty: none was accepted; none: none is wanted

	RecoveryPassphrases bool `json:"recovery_passphrases"` // those that live on the host are sealed to it, too
}

func permissions(a policy.Allow) permissionOf {
	return permissionOf{
		Repositories: append([]string{}, a.Repositories...), Sources: append([]string{}, a.Sources...),
		Destinations: append([]string{}, a.Destinations...),
		Hooks:        append([]string{}, a.Hooks...),
		Ping:         append([]string{}, a.Ping...),
		Maintenance:  a.Maintenance, All: a.All, OwnSecrets: a.OwnSecrets, RetentionFloor: a.RetentionFloor,
		RecoveryKey: a.RecoveryKey, RecoveryPassphrases: a.RecoveryPassphrases,
	}
}
