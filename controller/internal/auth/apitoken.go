package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
)

const (
	// mostAPITokens is how many one user may have.
	mostAPITokens = 100

	// The life of an API token that has an end.
	APITokenMinLife = time.Second
	APITokenMaxLife = 10 * 365 * 24 * time.Hour
)

// APIToken is a token as it is listed. Its role is what it may do today.
type APIToken struct {
	ID, Name, User string
	Role           Role
	CreatedAt      time.Time
	ExpiresAt      time.Time // zero: never
	LastUsedAt     time.Time // zero: never
	Scope          *store.Scope
}

// NewAPIToken asks for a token. What is in it has been checked.
type NewAPIToken struct {
	Name string
	User string        // empty: the caller
	Role Role          // empty: Viewer
	Life time.Duration // 0: no end

	Scope *store.Scope // nil: everything; Agents by id or name
}

// APITokens gives those that who may see: administrators all, others their own.
func (p *People) APITokens(who Principal) []APIToken {
	var all []APIToken
	for _, t := range p.opt.Store.APITokens() {
		if who.Role.May(Admin) || t.User == who.User {
			all = append(all, p.view(t))
		}
	}
	return all
}

func (p *People) view(t store.APIToken) APIToken {
	role := Role(t.Role)
	if u, ok := p.opt.Store.User(t.User); ok {
		role = least(role, Role(u.Role))
	}
	return APIToken{
		ID: t.ID, Name: t.Name, User: t.User, Role: role,
		CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, LastUsedAt: p.lastUse(t), Scope: t.Scope,
	}
}

// CreateAPIToken makes a token. Its text is given here and never again.
func (p *People) CreateAPIToken(ctx context.Context, who Principal, n NewAPIToken) (token APIToken, text string, err error) {
	if err := mayCreate(who, &n); err != nil {
		return APIToken{}, "", err
	}
	s, err := newSecret(p.opt.Rand)
	if err != nil {
		return APIToken{}, "", err
	}
	now := p.opt.Now().UTC()
	t := store.APIToken{ID: s.id, Name: n.Name, User: n.User, Role: string(n.Role), Hash: s.hash(), CreatedAt: now}
	if n.Life > 0 {
		t.ExpiresAt = now.Add(n.Life)
	}
	err = p.opt.Store.Update(ctx, func(tx *store.Tx) error {
		if err := mayHave(tx, n); err != nil {
			return err
		}
		if t.Scope, err = scope(tx, n.Scope); err != nil {
			return err
		}
		tx.About("token/"+t.ID, aboutToken(t))
		if _, taken := tx.APIToken(t.ID); taken {
			return errors.New("the random id is taken") // of a source that repeats itself
		}
		return tx.PutAPIToken(t)
	})
	if err != nil {
		return APIToken{}, "", fmt.Errorf("create API token: %w", err)
	}
	return p.view(t), s.text(), nil
}

// aboutToken says for the audit log which token it is.
func aboutToken(t store.APIToken) string {
	end := "without end"
	if !t.ExpiresAt.IsZero() {
		end = "until " + t.ExpiresAt.UTC().Format(time.RFC3339)
	}
	text := fmt.Sprintf("%s, for %s as %s, %s", t.Name, t.User, t.Role, end)
	if s := t.Scope; s != nil {
		text += fmt.Sprintf(", only repositories %v and agents %v", s.Repositories, s.Agents)
	}
	return text
}

// mayCreate completes n, and refuses what who may not ask for.
func mayCreate(who Principal, n *NewAPIToken) error {
	if n.Role == "" {
		n.Role = Viewer
	}
	switch {
	case who.APIToken != "":
		// Else whoever finds a token can make one that outlives it.
		return fault.New(fault.Forbidden, "needs_login", "an API token cannot make others: log in, or use the command line on the controller's host")
	case who.Local && n.User == "":
		return fault.InvalidField("body.user", "it is required on the admin socket: a token belongs to a user")
	case n.User == "":
		n.User = who.User
	case n.User != who.User && !who.Role.May(Admin):
		return fault.New(fault.Forbidden, "forbidden", "only administrators make tokens for others")
	}
	if !who.Role.May(n.Role) {
		return fault.New(fault.Forbidden, "forbidden", "%s has the role %s: a token may have no more than that", who.User, who.Role)
	}
	return nil
}

// mayHave refuses what the token's owner may not have.
func mayHave(tx *store.Tx, n NewAPIToken) error {
	owner, there := tx.User(n.User)
	if !there {
		return fault.InvalidField("body.user", "there is no such user")
	}
	if !Role(owner.Role).May(n.Role) {
		return fault.InvalidField("body.role", "the user has the role %s: a token may have no more than that", owner.Role)
	}
	have := 0
	for _, t := range tx.APITokens() {
		if t.User == n.User {
			have++
		}
	}
	if have >= mostAPITokens {
		return fault.New(fault.Conflict, "too_many_tokens", "the user has %d API tokens, and more are not kept: delete one first", have)
	}
	return nil
}

// scope is what was asked for, of things that there are: a slip must not make a
// token that reaches nothing, or something else when it comes to be.
func scope(tx *store.Tx, asked *store.Scope) (*store.Scope, error) {
	if asked == nil {
		return nil, nil
	}
	out := &store.Scope{Repositories: asked.Repositories}
	for i, id := range asked.Repositories {
		if _, there := tx.Repository(id); !there {
			return nil, fault.InvalidField(fmt.Sprintf("body.repositories[%d]", i), "there is no repository %d", id)
		}
	}
	for i, ref := range asked.Agents {
		a, there := tx.Agent(ref)
		if !there {
			a, there = tx.AgentByName(ref)
		}
		if !there {
			return nil, fault.InvalidField(fmt.Sprintf("body.agents[%d]", i), "there is no such agent")
		}
		out.Agents = append(out.Agents, a.ID)
	}
	return out, nil
}

// DeleteAPIToken ends a token at once. To others than its owner and
// administrators it does not exist.
func (p *People) DeleteAPIToken(ctx context.Context, who Principal, id string) error {
	if who.APIToken != "" && who.APIToken != id && !who.Role.May(Admin) {
		return fault.New(fault.Forbidden, "needs_login", "an API token ends no others: log in")
	}
	err := p.opt.Store.Update(ctx, func(tx *store.Tx) error {
		tx.Urgent()
		t, there := tx.APIToken(id)
		if !there || (t.User != who.User && !who.Role.May(Admin)) {
			return fault.New(fault.NotFound, "token_not_found", "there is no API token %q", id)
		}
		tx.About("token/"+id, aboutToken(t))
		return tx.DeleteAPIToken(id)
	})
	if err != nil {
		return fmt.Errorf("delete API token: %w", err)
	}
	return nil
}

func (p *People) verifySecret(text string) (Principal, error) {
	s, ok := parseSecret(text)
	if !ok {
		return Principal{}, badToken(errors.New("it is not written like an API token"))
	}
	t, ok := p.opt.Store.APIToken(s.id)
	if !ok || !s.is(t.Hash) {
		return Principal{}, badToken(errors.New("there is no such API token"))
	}
	who, err := p.resolve(Principal{User: t.User, APIToken: t.ID})
	if err == nil {
		p.noteUse(t.ID)
	}
	return who, err
}

func (p *People) expired(t store.APIToken) bool {
	return !t.ExpiresAt.IsZero() && !p.opt.Now().Before(t.ExpiresAt)
}
