package fault

import "borgfleet/shared/nextstep"

// message is for codes whose every message says what to do itself.
const message = ""

// Next is what the person who meets e does now; empty if its message says it.
func (e *Error) Next() string {
	if e.Step != "" {
		return e.Step
	}
	text, ok := next(e.Code)
	if !ok {
		// What became of a job is told under the job's own code.
		return nextstep.Of(e.Code, nextstep.About{})
	}
	return text
}

// next is the one table of what to do about a code. A test refuses a code that
// is not in it.
func next(code string) (string, bool) {
	for _, table := range []func(string) (string, bool){ofRequests, ofPeople, ofThings, ofData, ofAgents} {
		if text, ok := table(code); ok {
			return text, true
		}
	}
	return "", false
}

// ofRequests: the call itself is not as the contract has it.
func ofRequests(code string) (text string, ok bool) {
	const example = "; /api/docs has an example of each call"
	switch code {
	case "invalid_request":
		text = "correct what is named, and send it again; /api/docs says what each call takes"
	case "malformed_json", "empty_body", "malformed":
		text = "send one JSON object" + example
	case "malformed_form":
		text = "send username=NAME&password=PASSWORD with both URL-encoded, or a JSON object" + example
	case "body_too_large":
		text = "send less in one call: fewer or shorter values"
	case "body_incomplete":
		text = "send it again; if it breaks off again, look at what stands between you and the controller"
	case "method_not_allowed":
		text = "use a method that this path takes" + example
	case "interrupted":
		text = "look whether it was done before you ask for it again; a backup may be started again with the same Idempotency-Key"
	case "internal", "metrics_unreadable", "not_ready":
		text = "read the log on the controller's host: journalctl -u borgfleet-controller"
	case "too_many_streams", "packed_body", "unknown_path", "idempotency_key_reused", "too_often":
		text = message
	default:
		return "", false
	}
	return text, true
}

// ofPeople: who asks, and what they may do.
func ofPeople(code string) (text string, ok bool) {
	switch code {
	case "wrong_credentials":
		text = "try again; if the password is lost, an administrator, or root on the controller's host, sets a new one: borgfleet-controller users set USER --ask-password"
	case "forbidden":
		text = "ask an administrator for a role or a token that may: borgfleet-controller users set USER --role ROLE"
	case "no_rule":
		text = "report it: this is a mistake in the controller"
	case "user_not_found":
		text = "see who there is: borgfleet-controller users list"
	case "user_exists":
		text = "choose another name, or change that user: borgfleet-controller users set"
	case "last_admin":
		text = "borgfleet-controller users set USER --role admin"
	case "token_not_found":
		text = "see which there are, with their ids: borgfleet-controller tokens list"
	case "too_many_tokens":
		text = "see which are not used any more: borgfleet-controller tokens list; then borgfleet-controller tokens delete ID"
	case "no_login":
		text = "borgfleet-controller login gives a login; borgfleet-controller users set USER --ask-password and tokens delete do it for others"
	case "not_root":
		text = "run it there with sudo, or as the controller's account"
	case "unauthenticated", "bad_token", "token_scope", "too_many_logins", "needs_login", "password_changed":
		text = message
	default:
		return "", false
	}
	return text, true
}

// ofThings: what people name is not there, or not as they think.
func ofThings(code string) (text string, ok bool) {
	switch code {
	case "agent_not_found":
		text = "see which there are: borgfleet-controller agents list"
	case "repository_not_found", "repository_gone":
		text = "see which there are: borgfleet-controller repositories list"
	case "schedule_not_found":
		text = "see which there are: borgfleet-controller schedules list"
	case "job_not_found", "job_ended":
		text = "see which there are: borgfleet-controller jobs list --kind all"
	case "channel_not_found":
		text = "see which there are: borgfleet-controller notifications channels list"
	case "rule_not_found":
		text = "see which there are: borgfleet-controller notifications rules list"
	case "too_many_channels", "too_many_rules":
		text = "delete one that is not needed any more (borgfleet-controller notifications), or have one serve for several"
	case "name_taken":
		text = "choose another name, or change the one that has it"
	case "too_many_schedules":
		text = "give a schedule that this repository has more times in its expression, or take the repository out of one"
	case "log_not_found":
		text = "what it ended with: borgfleet-controller jobs show ID. Which finished jobs show their log, and for how long, serve --log-policy and --log-retention say"
	case "repository_exists":
		text = "use the one that is there, or change it: borgfleet-controller repositories update"
	case "repository_ready":
		text = "start a backup: borgfleet-controller jobs start REPOSITORY"
	case "repository_pending":
		text = "see whether its host is online: borgfleet-controller agents list; the rest goes by itself"
	case "not_shrunk":
		text = "see what shrank: borgfleet-controller fleet shrunk"
	case "nothing_to_run":
		text = "see how its repositories stand: borgfleet-controller repositories list"
	case "agent_known":
		text = "nothing: see how it stands with borgfleet-controller agents show AGENT"
	case "maintainer_is_maintained":
		text = "borgfleet-controller repositories update REPOSITORY --maintainer ''"
	case "no_recovery_key":
		text = "start the controller again; it shows the new key's private half once"
	case "too_many_recovery_keys":
		text = "stay with the key that the fleet has: borgfleet-controller fleet recovery-key show"
	case "list_failed":
		text = "see why: borgfleet-controller jobs show ID, then ask again"
	case "job_not_ended", "agent_in_use", "agent_name_taken", "repository_name_taken", "schedule_name_taken", "repository_ambiguous", "repository_failed", "archives_vanished",
		"repository_busy", "repository_not_on_agent", "no_agent", "maintainer_unable", "maintainer_doubtful", "pattern_too_wide", "newer_backup",
		"channel_in_use", "definition_too_large", "job_too_large", "archive_not_vanished", "catalogue_unknown",
		"too_many_archives", "contents_incomplete", "contents_pending", "backup_unexplained", "not_held", "agent_id_invalid", "not_restored":
		text = message
	default:
		return "", false
	}
	return text, true
}

// ofData: the controller's own data directory, disk and files.
func ofData(code string) (text string, ok bool) {
	switch code {
	case "data_dir_permission":
		text = "run it with sudo or as the account that the directory belongs to, or name one of your own with --data-dir"
	case "data_dir_unusable":
		text = "see whether its disk is mounted, or name another directory with --data-dir"
	case "not_a_data_dir":
		text = "name an empty directory, or one that a controller has made, with --data-dir; the packages use /var/lib/borgfleet"
	case "data_dir_in_use":
		text = "ask the controller that runs (the commands do, with the same --data-dir), or stop it first: systemctl stop borgfleet-controller"
	case "store_failed":
		text = "see to the disk, then systemctl restart borgfleet-controller; borgfleet-controller doctor looks at both"
	case "stopping":
		text = "ask again in a moment, when it has been started again"
	case "recipient_invalid":
		text = "give an age recipient (age1...) or a passphrase file; without either the backup has no certificate authority in it"
	case "not_measured":
		text = "ask the controller that serves agents"
	case "data_dir_newer", "data_dir_gone", "disk_full", "store_lost", "authority_lost":
		text = message
	default:
		return "", false
	}
	return text, true
}

// ofAgents: a host is refused. People read it in its status and its log.
func ofAgents(code string) (text string, ok bool) {
	const (
		enrol   = "on the host, enrol it anew: borgfleet-agent enroll with an empty --state-dir, and a token from borgfleet-controller join-token create"
		upgrade = "upgrade the agent to the controller's version; if it has that, report it"
	)
	switch code {
	case "certificate_expired":
		text = "look at the clocks of the host and of the controller; if they are right, the agent asks for a new certificate by itself"
	case "no_certificate", "no_connection":
		text = "agents connect here, with borgfleet-agent run; people and scripts use the address of --api-listen"
	case "no_identity", "recover_refused":
		text = enrol
	case "csr_refused", "join_token_malformed", "age_recipient_malformed", "state_id_missing", "job_key_malformed", "register_malformed",
		"spec_malformed", "journal_disorder", "report_too_long", "spec_too_long", "answers_unread", "too_many_repositories", "not_your_job":
		text = upgrade
	case "too_many_calls", "too_many_jobs":
		text = "nothing: the agent tries again by itself. If it stays so: borgfleet-agent doctor, on the host"
	case "not_your_repository":
		text = "if the host is to use it, register it there: borgfleet-controller repositories import NAME PATH --agent AGENT"
	case "join_token_unknown", "join_token_expired", "join_token_used", "agent_name_differs", "agent_name_invalid", "protocol_mismatch",
		"agent_unknown", "agent_revoked", "certificate_replaced", "agent_lost", "agent_cloned", "recover_too_late":
		text = message
	default:
		return "", false
	}
	return text, true
}
