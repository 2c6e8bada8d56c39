package api

// RouteInfo is a row of the route table, for tests outside the package.
type RouteInfo struct {
	Method, Path string
	Name         string // in the audit log
	Role         Role
	Query        []string
	QueryToken   bool
	Reads        bool
}

// Routes is the route table.
func Routes() []RouteInfo {
	var out []RouteInfo
	names := operationNames()
	for _, rt := range (&server{}).routes() {
		out = append(out, RouteInfo{rt.method, rt.path, names[rt.method+" "+rt.path], rt.role, rt.query, rt.queryToken, rt.reads})
	}
	return out
}
