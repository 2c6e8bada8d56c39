package api

import "borgfleet/controller/internal/auth"

// Role is what a principal may do.
type Role = auth.Role

const (
	Public   Role = "public" // no principal needed; a route that says nothing is for nobody
	Viewer        = auth.Viewer
	Operator      = auth.Operator
	Admin         = auth.Admin
)
