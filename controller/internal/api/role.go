package api

import "borgfleet/controller/internal/auth"

// Role is what a principal may do.
type Role = auth.Role

const (
	Public   Role = "" // no principal needed
	Viewer        = auth.Viewer
	Operator      = auth.Operator
	Admin         = auth.Admin
)
