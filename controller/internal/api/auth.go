package api

import (
	"context"
	"net/netip"
	"time"

	"borgfleet/controller/internal/auth"
)

// Principal is who asks.
type Principal = auth.Principal

// Auth knows who asks, and keeps the accounts. Its errors are fault errors.
type Auth interface {
	// Login's from is not valid for a caller without an address.
	Login(ctx context.Context, user, password string, from netip.Addr) (token string, expiresIn time.Duration, err error)
	Verify(token string) (Principal, error)
	// VerifyDownload takes tokens of DownloadToken for this job, too.
	VerifyDownload(token string, job int64) (Principal, error)
	DownloadToken(who Principal, job int64) (token string, expires time.Time, err error)
	Logout(ctx context.Context, who Principal) error
	ChangePassword(ctx context.Context, who Principal, c auth.PasswordChange) (token string, expiresIn time.Duration, err error)

	Accounts() []auth.Account
	Account(name string) (auth.Account, error)
	CreateAccount(context.Context, auth.NewAccount) (auth.Account, error)
	ChangeAccount(ctx context.Context, name string, c auth.AccountChange) (auth.Account, error)
	DeleteAccount(ctx context.Context, name string) error

	APITokens(who Principal) []auth.APIToken
	CreateAPIToken(ctx context.Context, who Principal, n auth.NewAPIToken) (token auth.APIToken, text string, err error)
	DeleteAPIToken(ctx context.Context, who Principal, id string) error
}

var _ Auth = (*auth.People)(nil)
