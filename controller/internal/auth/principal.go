package auth

import (
	"time"

	"borgfleet/controller/internal/store"
)

// Principal is who asks.
type Principal struct {
	User string
	Role Role

	// What it was proven with is one of these.
	Login    Claims // of a login
	APIToken string // its id
	Local    bool   // the kernel's word, on the admin socket; not a stored user

	Scope *store.Scope // what of the fleet the API token reaches; nil: everything
}

// Claims is what the token of a login says.
type Claims struct {
	User       string
	Generation int64 // of the user, when the password was checked
	ID         string
	Issued     time.Time
	Expires    time.Time
}

// Link is what a download token says: who may read the log of one job.
type Link struct {
	Job int64
	By  Principal
}
