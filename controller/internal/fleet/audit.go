package fleet

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"borgfleet/certs"
	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// What agents do, as the audit log calls it, and what can prove who they are.
const (
	whatEnrol   = "enrolAgent"
	whatRenew   = "renewAgent"
	whatRecover = "recoverAgent"
	whatConnect = "connectAgent"
	whatRefused = "hostRefused"

	viaCertificate = "certificate"
	viaJoinToken   = "join token"
)

func agentName(id string) string { return "agent/" + id }

func jobName(id int64) string { return fmt.Sprintf("job/%d", id) }

func repositoryName(id int64) string { return fmt.Sprintf("repository/%d", id) }

// noteRefused writes down that an agent was turned away at the door. A caller
// without any certificate has not tried to be one.
func (s *Service) noteRefused(r *http.Request, id certs.Identity, err error) {
	call := audit.Of(r.Context())
	call.What(whatConnect, false)
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		call.Presented()
	}
	if id.AgentID != "" {
		s.isAgent(r.Context(), id)
	}
	s.audit.Answer(r.Context(), fault.Status(err), fault.Of(err).Code)
}

// isAgent says for the audit log which agent a call is of.
func (s *Service) isAgent(ctx context.Context, id certs.Identity) {
	call := audit.Of(ctx)
	call.Is(s.calledName(id.AgentID), viaCertificate)
	call.On(agentName(id.AgentID))
}

// calledName is the name of an agent, also of one that was deleted.
func (s *Service) calledName(id string) string {
	a, _ := s.store.Agent(id)
	former, _ := s.store.FormerAgent(id)
	return cmp.Or(a.Name, former.Name, id)
}

// noteRefusal writes down that a host has refused an order, in the commit of
// the verdict that says so. What its own people asked for is their business, and
// a verdict that comes again is no news.
func (s *Service) noteRefusal(tx *store.Tx, old, j job.Job) error {
	if j.Verdict.ErrorCode != job.CodePolicy || j.Spec.TriggeredBy == job.ByAgent || old.Verdict != nil && !old.Ours {
		return nil
	}
	a, _ := tx.Agent(j.Agent)
	return tx.Audit(store.AuditEntry{
		Who: cmp.Or(a.Name, j.Agent), Via: viaCertificate, What: whatRefused, On: jobName(j.ID),
		Detail: j.Verdict.ErrorMessage, Outcome: audit.Refused, Code: j.Verdict.ErrorCode,
	})
}

func aboutJob(tx *store.Tx, j job.Job) string {
	a, _ := tx.Agent(j.Agent)
	text := fmt.Sprintf("%s of %s on %s", j.Spec.Kind, cmp.Or(j.Spec.Repository.Name, j.Spec.Repository.Path), a.Name)
	if r := j.Spec.Restore; r != nil {
		text += fmt.Sprintf(": %s to %s", r.Archive, r.Destination)
	}
	return text
}

// aboutChange names the fields that have other values than before. The values
// are in the definition, and may be long.
func aboutChange(before, after job.Repository) string {
	var changed []string
	b, a := wire.FromRepository(before).ProtoReflect(), wire.FromRepository(after).ProtoReflect()
	for i := range b.Descriptor().Fields().Len() {
		f := b.Descriptor().Fields().Get(i)
		if !b.Get(f).Equal(a.Get(f)) {
			changed = append(changed, string(f.Name()))
		}
	}
	return before.Name + ": " + cmp.Or(strings.Join(changed, ", "), "nothing")
}

func (c AgentChange) about(a store.Agent) string {
	parts := []string{a.Name}
	if c.Name != nil && *c.Name != a.Name {
		parts = append(parts, "called "+*c.Name)
	}
	if c.Labels != nil {
		parts = append(parts, "labels")
	}
	if c.Paused != nil && *c.Paused != a.Paused {
		parts = append(parts, map[bool]string{true: "paused", false: "not paused any more"}[*c.Paused])
	}
	if c.MaxParallel != nil && *c.MaxParallel != a.MaxParallel {
		parts = append(parts, fmt.Sprintf("%d jobs at once", *c.MaxParallel))
	}
	return strings.Join(parts, "; ")
}

func aboutJoinToken(r JoinTokenRequest, t store.JoinToken) string {
	who := "any host"
	if r.Name != "" {
		who = r.Name
	}
	return fmt.Sprintf("for %s, %d uses, until %s", who, t.UsesLeft, moment(t.ExpiresAt))
}

func settledFor(take bool) string {
	if take {
		return "the host"
	}
	return "the controller"
}
