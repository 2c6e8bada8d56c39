package api

import (
	"net/http"

	"borgfleet/shared/job"
)

// handler answers a request or says why not.
type handler func(http.ResponseWriter, *http.Request) error

// route is one operation of the API. openapi.json has the same ones.
type route struct {
	method string
	path   string
	role   Role     // the least that is needed
	query  []string // the parameters that are known; any other is refused
	handle handler

	// scoped lets API tokens in that reach a part of the fleet only: what the route
	// asks of the fleet must know fleet.WithScope.
	scoped bool

	// reads says of a POST that it changes nothing: it is audited like a GET.
	reads bool

	// queryToken takes the token from the query as well, for links.
	queryToken bool

	// literal has a fixed word where another route has a parameter, and goes
	// first.
	literal bool
}

const (
	get   = http.MethodGet
	post  = http.MethodPost
	patch = http.MethodPatch
	put   = http.MethodPut
	del   = http.MethodDelete
)

// routes is the whole API.
func (s *server) routes() []route {
	return []route{
		{method: post, path: "/api/backup/start", role: Operator, scoped: true, handle: s.startBackup},
		{method: get, path: "/api/backup/jobs", role: Viewer, scoped: true, handle: s.listJobs, query: jobParameters()},
		{method: get, path: "/api/jobs/export", role: Viewer, scoped: true, handle: s.exportJobs, query: exportParameters()},
		{method: get, path: "/api/backup/status/{job_id}", role: Viewer, scoped: true, handle: s.jobStatus},
		{method: post, path: "/api/backup/cancel/{job_id}", role: Operator, scoped: true, handle: s.cancelJob},
		{method: get, path: "/api/backup/logs/{job_id}/stream", role: Viewer, scoped: true, handle: s.streamLog, query: []string{"offset", "limit"}},
		{method: get, path: "/api/backup/logs/{job_id}/download", role: Viewer, scoped: true, handle: s.downloadLog, query: []string{"token"}, queryToken: true},
		{method: post, path: "/api/backup/logs/{job_id}/download-token", role: Viewer, scoped: true, handle: s.downloadToken},

		{method: post, path: "/api/auth/login", role: Public, handle: s.login},
		{method: get, path: "/api/auth/me", role: Viewer, scoped: true, handle: s.me},
		{method: post, path: "/api/auth/logout", role: Viewer, handle: s.logout},
		{method: post, path: "/api/auth/password", role: Viewer, handle: s.changePassword},

		{method: get, path: "/api/users", role: Admin, handle: s.listUsers},
		{method: post, path: "/api/users", role: Admin, handle: s.createUser},
		{method: get, path: "/api/users/{name}", role: Admin, handle: s.oneUser},
		{method: patch, path: "/api/users/{name}", role: Admin, handle: s.changeUser},
		{method: del, path: "/api/users/{name}", role: Admin, handle: s.deleteUser},

		{method: get, path: "/api/tokens", role: Viewer, handle: s.listTokens},
		{method: post, path: "/api/tokens", role: Viewer, handle: s.createToken},
		{method: del, path: "/api/tokens/{id}", role: Viewer, handle: s.deleteToken},

		{method: post, path: "/api/agents/join-tokens", role: Admin, handle: s.createJoinToken},
		{method: get, path: "/api/agents", role: Viewer, handle: s.listAgents},
		{method: get, path: "/api/agents/{id}", role: Viewer, handle: s.oneAgent},
		{method: patch, path: "/api/agents/{id}", role: Admin, handle: s.changeAgent},
		{method: del, path: "/api/agents/{id}", role: Admin, handle: s.deleteAgent},
		{method: post, path: "/api/agents/{id}/revoke", role: Admin, handle: s.revokeAgent},

		{method: post, path: "/api/repositories", role: Admin, handle: s.createRepository},
		{method: get, path: "/api/repositories", role: Viewer, scoped: true, handle: s.listRepositories},
		{method: post, path: "/api/repositories/import", role: Admin, handle: s.importRepository},
		{method: get, path: "/api/repositories/{id}", role: Viewer, scoped: true, handle: s.oneRepository},
		{method: put, path: "/api/repositories/{id}", role: Admin, handle: s.changeRepository},
		{method: del, path: "/api/repositories/{id}", role: Admin, handle: s.deleteRepository},
		{method: post, path: "/api/repositories/{id}/retry", role: Admin, handle: s.retryRepository},
		{method: get, path: "/api/repositories/{id}/running-jobs", role: Viewer, scoped: true, handle: s.runningJobs},
		{method: post, path: "/api/repositories/{id}/check", role: Operator, scoped: true, handle: s.maintain(job.Check, readCheck)},
		{method: post, path: "/api/repositories/{id}/compact", role: Operator, scoped: true, handle: s.maintain(job.Compact, nil)},
		{method: post, path: "/api/repositories/{id}/prune", role: Operator, scoped: true, handle: s.maintain(job.Prune, readPrune)},
		// Two may write then, if somebody is mistaken.
		{method: post, path: "/api/repositories/{id}/break-lock", role: Admin, handle: s.maintain(job.BreakLock, nil)},
		{method: post, path: "/api/repositories/{id}/acknowledge-vanished", role: Admin, handle: s.acknowledgeVanished},
		{method: post, path: "/api/repositories/{id}/accept-size", role: Admin, handle: s.acceptSize},
		{method: get, path: "/api/repositories/check-jobs/{id}", role: Viewer, scoped: true, handle: s.maintenanceJob(job.Check), literal: true},
		{method: get, path: "/api/repositories/compact-jobs/{id}", role: Viewer, scoped: true, handle: s.maintenanceJob(job.Compact), literal: true},
		{method: get, path: "/api/repositories/prune-jobs/{id}", role: Viewer, scoped: true, handle: s.maintenanceJob(job.Prune), literal: true},
		{method: get, path: "/api/repositories/{id}/recovery", role: Admin, handle: s.recovery},
		{method: get, path: "/api/archives/list", role: Viewer, scoped: true, handle: s.listArchives, query: []string{"repository", "agent", "refresh", "matching"}},
		// Names of files tell more about a host than the history of its jobs.
		{method: get, path: "/api/archives/{name}/contents", role: Operator, scoped: true, handle: s.archiveContents, query: []string{"repository", "agent", "path", "path_base64", "limit", "cursor"}},
		{method: post, path: "/api/restore/start", role: Operator, scoped: true, handle: s.startRestore},

		{method: get, path: "/api/schedule", role: Viewer, handle: s.listSchedules},
		{method: post, path: "/api/schedule", role: Admin, handle: s.createSchedule},
		{method: post, path: "/api/schedule/validate-cron", role: Viewer, handle: s.validateCron, reads: true},
		{method: get, path: "/api/schedule/{id}", role: Viewer, handle: s.oneSchedule},
		{method: put, path: "/api/schedule/{id}", role: Admin, handle: s.changeSchedule},
		{method: del, path: "/api/schedule/{id}", role: Admin, handle: s.deleteSchedule},
		{method: post, path: "/api/schedule/{id}/toggle", role: Admin, handle: s.toggleSchedule},
		{method: post, path: "/api/schedule/{id}/run-now", role: Operator, handle: s.runSchedule},
		{method: get, path: "/api/schedule/{id}/next", role: Viewer, handle: s.nextRuns, query: []string{"n"}},
		{method: post, path: "/api/schedule/{id}/compare", role: Admin, handle: s.compareSchedule},

		{method: get, path: "/api/notifications/channels", role: Viewer, handle: s.listChannels},
		{method: post, path: "/api/notifications/channels", role: Admin, handle: s.createChannel},
		{method: get, path: "/api/notifications/channels/{id}", role: Viewer, handle: s.oneChannel},
		{method: put, path: "/api/notifications/channels/{id}", role: Admin, handle: s.changeChannel},
		{method: del, path: "/api/notifications/channels/{id}", role: Admin, handle: s.deleteChannel},
		// What a receiver answers is for those who may say where to ask.
		{method: post, path: "/api/notifications/channels/{id}/test", role: Admin, handle: s.testChannel},
		{method: get, path: "/api/notifications/channels/{id}/settings", role: Admin, handle: s.channelSettings},
		// Audited like a change: whoever asks often enough guesses.
		{method: post, path: "/api/notifications/channels/{id}/compare", role: Admin, handle: s.compareChannel},
		{method: get, path: "/api/notifications/rules", role: Viewer, handle: s.listRules},
		{method: post, path: "/api/notifications/rules", role: Admin, handle: s.createRule},
		{method: get, path: "/api/notifications/rules/{id}", role: Viewer, handle: s.oneRule},
		{method: put, path: "/api/notifications/rules/{id}", role: Admin, handle: s.changeRule},
		{method: del, path: "/api/notifications/rules/{id}", role: Admin, handle: s.deleteRule},
		{method: get, path: "/api/notifications/conditions", role: Viewer, handle: s.listConditions},

		{method: get, path: "/api/audit", role: Admin, handle: s.listAudit, query: auditParameters()},
		{method: get, path: "/api/fleet/summary", role: Viewer, handle: s.fleetSummary},
		{method: get, path: "/api/fleet/hosts", role: Viewer, handle: s.fleetHosts, query: []string{"stale", "shrunk", "max_age", "agent", "label"}},
		{method: get, path: "/api/fleet/trends", role: Viewer, scoped: true, handle: s.fleetTrends, query: trendParameters()},
		{method: get, path: "/api/fleet/recovery-key", role: Viewer, handle: s.recoveryKey},
		{method: put, path: "/api/fleet/recovery-key", role: Admin, handle: s.replaceRecoveryKey},

		{method: get, path: "/api/events", role: Viewer, handle: s.events, query: []string{"type", "agent", "repository", "job_id"}},

		{method: get, path: "/healthz", role: Public, handle: s.healthz},
		{method: get, path: "/readyz", role: Public, handle: s.readyz},
		// Names of hosts and repositories are in it, of the whole fleet.
		{method: get, path: "/metrics", role: Viewer, handle: s.metrics},
		{method: get, path: "/api", role: Public, handle: s.service},
		{method: get, path: "/api/openapi.json", role: Public, handle: s.openAPI},
		{method: get, path: "/api/docs", role: Public, handle: s.docs},
		{method: get, path: "/api/docs/{file}", role: Public, handle: s.docsPart},
	}
}
