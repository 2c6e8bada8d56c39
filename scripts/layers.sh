#!/bin/sh
# Refuses imports that cross a layer. The compiler keeps agent and controller
# apart (internal/); this keeps the rest.
set -eu

fail=0
refuse() { # packages, forbidden pattern, why
	# Unquoted: there may be several.
	bad=$(go list -f '{{$p := .ImportPath}}{{range .Imports}}{{$p}} -> {{.}}{{"\n"}}{{end}}' $1 | grep -E -- "-> $2" || true)
	if [ -n "$bad" ]; then
		echo "$3:" >&2
		echo "$bad" >&2
		fail=1
	fi
}

refuse ./shared/... 'borgfleet/(agent|controller|certs|scripts)' 'shared must know neither side'
refuse ./certs/... 'borgfleet/(agent|controller|scripts|shared/(job|wire|proto|seal))' 'certs must know only certificates'
refuse ./shared/job/... '(net|os|google\.golang\.org/|connectrpc|borgfleet/shared/(wire|proto))' 'the job rules must do no I/O and know no wire'
refuse ./controller/internal/store/... '(net/http|connectrpc|borgfleet/controller/internal/(api|fleet))' 'the store must not know who asks'
refuse ./controller/internal/history/... '(net|os|borgfleet/controller)' 'the index must stand alone'
refuse ./agent/internal/borg/... 'borgfleet/agent/internal/(jobdir|jobproc|daemon|link)' 'the wrapper of borg must not know jobs on disk'
refuse ./agent/internal/jobproc/... '(connectrpc|net/http|borgfleet/agent/internal/(daemon|link))' 'the job process must not depend on the daemon or the link'
refuse "$(go list ./agent/... ./certs/... ./controller/... ./shared/... | grep -v '/controller/internal/metrics$')" 'github\.com/prometheus/' 'only controller/internal/metrics knows of Prometheus: declare whom you tell'

cgo=$(CGO_ENABLED=0 go list -deps -f '{{if .CgoFiles}}{{.ImportPath}}{{end}}' ./agent ./controller)
if [ -n "$cgo" ]; then
	echo "cgo in what ships: $cgo" >&2
	fail=1
fi
exit $fail
