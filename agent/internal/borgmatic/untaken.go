package borgmatic

// untaken says of the options that do not come over what there is in their place.
func untaken() map[string]string {
	out := map[string]string{}
	for why, names := range map[string][]string{
		"a command stays on the host: write a script into its hooks directory, and name that under hooks, as before": {
			"before_backup", "before_everything", "before_actions", "before_prune", "before_compact", "before_check", "before_extract"},
		"a command stays on the host: write a script into its hooks directory, and name that under hooks, as after or always": {
			"after_backup", "after_everything", "after_actions", "after_prune", "after_compact", "after_check", "after_extract"},
		"a command stays on the host: write a script into its hooks directory, and name that under hooks, as on_failure": {"on_error"},
		"commands stay on the host: write scripts into its hooks directory, and name them under hooks":                   {"commands"},
		"databases are dumped by a hook: put the example pg-dump into the host's hooks directory, and name it under hooks, as before": {
			"postgresql_databases"},
		"databases are dumped by a hook: put the example mariadb-dump into the host's hooks directory, and name it under hooks, as before": {
			"mariadb_databases", "mysql_databases"},
		"databases are dumped by a hook: write one for it into the host's hooks directory, and name it under hooks, as before": {
			"mongodb_databases", "sqlite_databases"},
		"snapshots are made by hooks: put the example btrfs-snapshot into the host's hooks directory, and name it under hooks, as before and always": {
			"btrfs"},
		"snapshots are made by hooks: write one for it into the host's hooks directory, and name it under hooks, as before and always": {
			"zfs", "lvm"},
		"the controller knows how every job ended (events, jobs list); a hook (always) can tell another service": {
			"healthchecks", "cronitor", "cronhub", "uptimekuma", "uptime_kuma", "pagerduty", "ntfy", "pushover", "apprise", "loki", "zabbix", "sentry", "victoriametrics"},
		"borg on the server is named by the server, in the forced command of the host's key": {"remote_path"},
		"borg's directories lie below one, all of them: name that to adopt with --borg-base-dir, where it is not the account's home": {
			"borg_config_directory", "borg_cache_directory", "borg_security_directory", "borg_keys_directory"},
		"borg's cache is pruned by borg": {"borg_files_cache_ttl"},
		"it is for borgmatic's own files, which the fleet does not have": {
			"borgmatic_source_directory", "user_runtime_directory", "user_state_directory", "store_config_files", "temporary_directory", "bootstrap"},
		"what borg runs with is the agent's: no further options come over": {
			"extra_borg_options", "umask", "files_cache", "chunker_params", "upload_buffer_size", "use_chunks_archive", "compact_threshold",
			"debug_passphrase", "display_passphrase", "check_i_know_what_i_am_doing"},
		"borg saves what it saves by itself": {
			"numeric_ids", "numeric_owner", "atime", "ctime", "birthtime", "flags", "bsd_flags", "read_special"},
		"no such rule for what is left out": {"exclude_nodump", "keep_exclude_tags", "recompress"},
		"sources are looked at before each backup: one that is missing is a warning, and a backup without any fails": {
			"source_directories_must_exist"},
		"sources here are absolute paths": {"working_directory"},
		"borg 1.x keeps by it, and the fleet does not: say keep_hourly or keep_within": {
			"keep_secondly", "keep_minutely", "keep_13weekly"},
		"a check looks at all archives": {"check_last"},
		"a schedule checks all of its repositories: make two schedules, if some are not to be checked": {
			"check_repositories"},
		"what borg warns of is completed_with_warnings, with the count": {"borg_exit_codes"},
		"it is asked for by a person, when a repository was moved or is not encrypted": {
			"relocated_repo_access_is_ok", "unknown_unencrypted_repo_access_is_ok"},
		"it says how borgmatic prints and logs": {
			"color", "verbosity", "syslog_verbosity", "log_file_verbosity", "log_file", "log_file_format", "log_json", "monitoring_verbosity",
			"progress", "statistics", "list_details", "list", "default_actions"},
		"other programs that borgmatic asks for secrets are the host's: name them to adopt, with --passphrase-command": {
			"container", "keepassxc"},
		"it is for archives that borg 2 makes": {"source", "other_repository"},
	} {
		for _, name := range names {
			out[name] = why
		}
	}
	return out
}
