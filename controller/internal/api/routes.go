package api

import "net/http"

// handler answers a request or says why not.
type handler func(http.ResponseWriter, *http.Request) error

// route is one operation of the API. openapi.json has the same ones.
type route struct {
	method string
	path   string
	role   Role     // the least that is needed
	query  []string // the parameters that are known; any other is refused
	handle handler

	// queryToken takes the token from the query as well, for links.
	queryToken bool
}

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// routes is the whole API.
func (s *server) routes() []route {
	return []route{
		{method: post, path: "/api/backup/start", role: Operator, handle: s.startBackup},
		{method: get, path: "/api/backup/jobs", role: Viewer, handle: s.listJobs, query: jobParameters()},
		{method: get, path: "/api/backup/status/{job_id}", role: Viewer, handle: s.jobStatus},
		{method: post, path: "/api/backup/cancel/{job_id}", role: Operator, handle: s.cancelJob},
		{method: get, path: "/api/backup/logs/{job_id}/stream", role: Viewer, handle: s.streamLog, query: []string{"offset", "limit"}},
		{method: get, path: "/api/backup/logs/{job_id}/download", role: Viewer, handle: s.downloadLog, query: []string{"token"}, queryToken: true},

		{method: post, path: "/api/auth/login", handle: s.login},
		{method: get, path: "/api/auth/me", role: Viewer, handle: s.me},

		{method: post, path: "/api/agents/join-tokens", role: Admin, handle: s.createJoinToken},
		{method: get, path: "/api/agents", role: Viewer, handle: s.listAgents},
		{method: get, path: "/api/agents/{id}", role: Viewer, handle: s.oneAgent},

		{method: post, path: "/api/repositories", role: Admin, handle: s.createRepository},
		{method: get, path: "/api/repositories", role: Viewer, handle: s.listRepositories},
		{method: get, path: "/api/repositories/{id}", role: Viewer, handle: s.oneRepository},

		{method: get, path: "/healthz", handle: s.healthz},
		{method: get, path: "/readyz", handle: s.readyz},
		{method: get, path: "/api", handle: s.service},
		{method: get, path: "/api/openapi.json", handle: s.openAPI},
	}
}
