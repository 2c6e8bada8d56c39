package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

// loginTime bounds the wait for a hash when many log in at once.
const loginTime = 20 * time.Second

// Options is what People needs. Store, Hasher and Tokens must be set.
type Options struct {
	Store  *store.Store
	Hasher *Hasher
	Tokens *Tokens
	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
	Rand   io.Reader        // nil: crypto/rand
}

// People are those who use the API, and what they prove it with. What a caller
// may is asked of the store at each call: a change counts from the next one.
type People struct {
	opt    Options
	logins *Login

	mu   sync.Mutex           // guards used
	used map[string]time.Time // when each API token was used last, by id
}

// NewPeople puts the parts together.
func NewPeople(ctx context.Context, o Options) (*People, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	logins, err := NewLogin(ctx, storedUsers{o.Store}, o.Hasher, NewLimiter(o.Now))
	if err != nil {
		return nil, err
	}
	return &People{opt: o, logins: logins, used: map[string]time.Time{}}, nil
}

// storedUsers are the accounts of the store.
type storedUsers struct{ st *store.Store }

func (s storedUsers) Get(name string) (User, bool) {
	u, ok := s.st.User(name)
	return userOf(u), ok
}

func userOf(u store.User) User {
	out := User{Name: u.Name, PasswordHash: u.PasswordHash, Role: Role(u.Role), ValidFrom: u.ValidFrom}
	for _, n := range u.Networks {
		out.Networks = append(out.Networks, n.Prefix)
	}
	return out
}

// Login checks a password and gives a token.
func (p *People) Login(ctx context.Context, name, password string, from netip.Addr) (token string, expiresIn time.Duration, err error) {
	user, err := p.check(ctx, name, password, from)
	if errors.Is(err, ErrWrong) {
		return "", 0, fault.Wrap(err, fault.Unauthenticated, "wrong_credentials", "wrong user name or password")
	}
	if err != nil {
		return "", 0, err
	}
	p.rememberNetwork(ctx, user, from)
	return p.opt.Tokens.Issue(user)
}

// check is for every place where a password can be guessed.
func (p *People) check(ctx context.Context, name, password string, from netip.Addr) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, loginTime)
	defer cancel()
	user, err := p.logins.Login(ctx, name, password, from)
	if many, ok := errors.AsType[*TooMany](err); ok {
		f := fault.Wrap(err, fault.TooMany, "too_many_logins", "too many logins, or too many that failed: try again in %s", many.RetryAfter)
		f.RetryAfter = many.RetryAfter
		return User{}, f
	}
	return user, err
}

// Verify says whose token it is: of a login or of a program.
func (p *People) Verify(token string) (Principal, error) {
	if isSecret(token) {
		return p.verifySecret(token)
	}
	claims, err := p.opt.Tokens.Verify(token)
	if err != nil {
		return Principal{}, badToken(err)
	}
	return p.resolve(Principal{User: claims.User, Login: claims})
}

// VerifyDownload is Verify for the log of one job, for which a download token
// is good, too: it reads what its maker may read.
func (p *People) VerifyDownload(token string, job int64) (Principal, error) {
	link, err := p.opt.Tokens.VerifyLink(token)
	if err != nil {
		return p.Verify(token)
	}
	if link.Job != job {
		return Principal{}, badToken(errors.New("it is for another job"))
	}
	// Operator is the most that reading a log can need.
	who := Principal{User: link.By.User, Role: Operator}
	if link.By.Local {
		return who, nil // as everybody on the admin socket is an administrator
	}
	by, err := p.resolve(link.By)
	if err != nil {
		return Principal{}, err
	}
	who.Role = least(who.Role, by.Role)
	return who, nil
}

// DownloadToken makes a token for the log of one job. It ends with what who has
// proven itself with, if not before.
func (p *People) DownloadToken(who Principal, job int64) (token string, expires time.Time, err error) {
	return p.opt.Tokens.IssueLink(Link{Job: job, By: who})
}

// resolve gives today's role to somebody whose proof is genuine, or says that
// it is good no more. All that can be wrong has one answer: it must not tell
// who exists.
func (p *People) resolve(who Principal) (Principal, error) {
	user, ok := p.opt.Store.User(who.User)
	if !ok {
		return Principal{}, badToken(errors.New("the user does not exist"))
	}
	who.Role = Role(user.Role)
	if who.APIToken != "" {
		t, ok := p.opt.Store.APIToken(who.APIToken)
		if !ok || t.User != who.User || p.expired(t) {
			return Principal{}, badToken(errors.New("the API token has ended"))
		}
		who.Role, who.Scope = least(who.Role, Role(t.Role)), t.Scope
		return who, nil
	}
	if who.Login.Generation != userOf(user).generation() || p.opt.Store.LoginEnded(who.Login.ID) {
		return Principal{}, badToken(errors.New("the login was ended"))
	}
	return who, nil
}

func badToken(cause error) error {
	return fault.Wrap(cause, fault.Unauthenticated, "bad_token",
		"the token is not valid or has expired: log in again, or make a new API token")
}

// Logout ends the login that who has proven itself with.
func (p *People) Logout(ctx context.Context, who Principal) error {
	err := needsLogin(who, "on the admin socket there is no login to end",
		"this is an API token and no login: to end it, delete it with DELETE /api/tokens/"+who.APIToken)
	if err != nil {
		return err
	}
	err = p.opt.Store.Update(ctx, func(tx *store.Tx) error {
		tx.Urgent()
		return tx.EndLogin(who.Login.ID, who.Login.Expires.Add(leeway))
	})
	if err != nil {
		return fmt.Errorf("end login: %w", err)
	}
	return nil
}

// needsLogin refuses what only somebody can do who has logged in. The words say
// so to callers on the admin socket, and to API tokens.
func needsLogin(who Principal, local, token string) error {
	switch {
	case who.Local:
		return fault.New(fault.BadState, "no_login", "%s", local)
	case who.APIToken != "":
		return fault.New(fault.BadState, "no_login", "%s", token)
	}
	return nil
}
