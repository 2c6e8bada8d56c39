package nextstep

// step is in the order of the codes' own lists: the fleet's, then borg's.
func step(code string) (string, bool) {
	if text, ok := ofFleet(code); ok {
		return text, true
	}
	return ofBorg(code)
}

// ofFleet has the codes that borgfleet itself gives.
func ofFleet(code string) (text string, ok bool) {
	switch code {
	case "lost":
		text = "see whether the host is back (borgfleet-controller agents show AGENT), then order the job again"
	case "interrupted":
		text = "order it again: what borg has written already is used, and a lock that it left behind is taken away"
	case "host_shutdown":
		text = "order it again when the host is up"
	case "exit_status_lost":
		text = "nothing has to be done. To be sure of the repository: borgfleet-controller repositories check REPOSITORY"
	case "unverified":
		text = "see whether its archive is there (borgfleet-controller archives list REPOSITORY --refresh); if it is not, order the job again"
	case "start_deadline":
		text = "see what held it up (borgfleet-controller jobs list --repository REPOSITORY --kind all), then order it again; serve --start-deadline gives all jobs more time"
	case "sources_missing":
		text = "mount their disk on the host, or correct the list: borgfleet-controller repositories update REPOSITORY --source PATH, once for each path"
	case "no_files":
		text = "look at its sources and excludes: borgfleet-controller repositories show REPOSITORY"
	case "borg_missing", "borg_unsupported":
		text = "have borg 1.2 or 1.4 on the host (apt-get install borgbackup), or name one in its agent.yaml, borg: /usr/local/bin/borg; borgfleet-agent doctor tells whether it is good"
	case "destination_unusable":
		text = "name another destination, or mend that one on the host: below a directory that borgfleet-agent allow shows, for the agent's account alone to write"
	case "destination_full":
		text = "make room there and remove what was restored, or name another destination; then start the restore again"
	case "paths_not_found", "not_a_folder":
		text = "see what the archive holds: borgfleet-controller archives contents REPOSITORY ARCHIVE"
	case "nothing_restored":
		text = "the log says why of each file: LOGS"
	case "archives_vanished":
		text = "find out who deleted them. If it was meant: borgfleet-controller repositories acknowledge-vanished REPOSITORY"
	case "list_incomplete":
		text = "look at the room on the disk of the agent's state (borgfleet-agent doctor, on the host), then ask for the list again"
	case "hook_failed":
		text = "the log has what the hook said: LOGS. Mend it on the host, then order the job again"
	case "hook_unusable":
		text = "mend that on the host: a hook is an executable file in the hooks directory, which nobody but its owner, root, can change"
	case "internal":
		text = "the agent's log says more (journalctl -u borgfleet-agent, on the host); order the job again, and report it if it comes again"
	case "passphrase_unavailable":
		text = "correct what the host's agent.yaml names, or give the passphrase anew: borgfleet-controller repositories update REPOSITORY --passphrase-file FILE"
	case "policy_refused", "machine_changed", "sources_unreadable", "destination_not_empty",
		"archives_not_told", "maintained_elsewhere", "unsupported":
		text = message
	case "cancelled": // somebody meant it
	default:
		return "", false
	}
	return text, true
}

// ofBorg has the codes of what borg said.
func ofBorg(code string) (text string, ok bool) {
	const logs = "the log has all that borg said: LOGS"
	switch code {
	case "bad_request":
		text = "correct the value that borg refuses (borgfleet-controller repositories show REPOSITORY), with borgfleet-controller repositories update"
	case "repo_locked":
		text = "nothing, while a borg works on it on some host. If none does: borgfleet-controller repositories break-lock REPOSITORY"
	case "repo_not_found", "repo_invalid", "repo_parent_missing":
		text = "see whether the repository's disk is mounted where the repository is, and whether the path is right: borgfleet-controller repositories show REPOSITORY"
	case "repo_path_taken":
		text = "choose a path at which there is nothing yet"
	case "repo_corrupt":
		text = "keep a copy of the repository before anything else; then see how much is damaged: borgfleet-controller repositories check REPOSITORY"
	case "repo_permission":
		text = "give the account that borg runs as there the right to read and write all of the repository's files"
	case "repo_disk_full", "quota_exceeded":
		text = "make room where the repository is, or have less kept there: borgfleet-controller repositories prune REPOSITORY, then compact, which needs a little room itself"
	case "repo_unreachable":
		text = "see on the host whether the server answers: borgfleet-agent doctor. Then order the job again"
	case "host_key_changed":
		text = "when the server's administrator has confirmed the new key: ssh-keygen -R with the server's name on the host, then borgfleet-agent doctor, which says how to take the new one"
	case "ssh_auth":
		text = "put the public key of the agent's account into the server's authorized_keys (ssh-copy-id); borgfleet-agent doctor, on the host, says it exactly"
	case "remote_borg":
		text = "have borg on the server, 1.2 or 1.4 as on the host (apt-get install borgbackup)"
	case "path_not_allowed":
		text = "on the server, in authorized_keys, let the account in there: borg serve --restrict-to-repository PATH"
	case "passphrase_wrong":
		text = "give the right one: borgfleet-controller repositories update REPOSITORY --passphrase-file FILE; if the host has it, correct the file that its agent.yaml names"
	case "passphrase_missing":
		text = "give it: borgfleet-controller repositories update REPOSITORY --passphrase-file FILE; or on the host: borgfleet-agent adopt, with the repository's location and --passphrase-file FILE"
	case "key_problem":
		text = "bring borg's key file back to the host; if the host is gone: borgfleet-controller repositories recover REPOSITORY"
	case "repo_relocated":
		text = "if somebody moved it, say so to borg, on the host: borgfleet-agent borg REPOSITORY -- info"
	case "repo_replaced", "repo_tampered":
		text = "find out who writes to the repository before you trust it again, and back up to another place meanwhile"
	case "repo_incompatible":
		text = "have the borg on the host that made the repository, and name it in its agent.yaml, borg: /usr/local/bin/borg"
	case "archive_exists":
		text = "give the archives names that differ: borgfleet-controller repositories update REPOSITORY --archive-name-format, with {now} in it"
	case "archive_not_found":
		text = "see which there are: borgfleet-controller archives list REPOSITORY --refresh"
	case "io_error":
		text = "see to the disk that is named, on the host, then: borgfleet-controller repositories check REPOSITORY"
	case "cache_damaged":
		text = "order it again: the agent has borg make its cache anew. If it stays so, on the host: borgfleet-agent borg REPOSITORY -- delete --cache-only"
	case "borg_killed":
		text = "see who ended it: if memory ran out, journalctl -k on the host says so. Then order the job again"
	case "borg_crashed", "borg_failed":
		text = logs + ". To see it again, on the host: borgfleet-agent borg REPOSITORY -- list"
	case "repo_exists", "host_key_unknown", "repo_untrusted":
		text = message
	default:
		return "", false
	}
	return text, true
}
