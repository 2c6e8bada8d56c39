package fleet

import (
	"cmp"
	"context"

	"borgfleet/controller/internal/store"
)

// Repositories lists what is registered, by id.
func (s *Service) Repositories(ctx context.Context) []RepositoryView {
	all := s.repositoriesIn(ctx)
	out := make([]RepositoryView, 0, len(all))
	for _, r := range all {
		out = append(out, s.repositoryView(r))
	}
	return out
}

// Repository answers for one repository.
func (s *Service) Repository(ctx context.Context, id int64) (RepositoryView, error) {
	r, ok := s.store.Repository(id)
	if !ok || !scopeOf(ctx).Covers(r.ID, r.Agent) {
		return RepositoryView{}, noSuchRepository(id)
	}
	return s.repositoryView(r), nil
}

func (s *Service) repositoryView(r store.Repository) RepositoryView {
	a, _ := s.store.Agent(r.Agent)
	r.MatchArchives = ownPattern(r.Repository, a)
	v := RepositoryView{
		Repository: r.Repository, AgentID: r.Agent, AgentName: s.agentName(r.Agent),
		Status: string(r.Status), ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage,
		AlreadyExisted: r.AlreadyExisted, Imported: r.Imported, CreatedAt: r.CreatedAt, InitJob: r.InitJob,
		Recovery: r.Recovery, RecoveryCurrent: r.Recovery != nil && r.Recovery.Recipient == s.recoveryRecipient(),
		PassphraseJob: r.PassphraseJob,
	}
	if r.Maintainer != "" {
		v.MaintainerName = cmp.Or(s.agentName(r.Maintainer), r.Maintainer)
	}
	if head, ok := s.store.Catalogue(r.ID); ok && !head.AsOf.IsZero() {
		v.CatalogueAsOf, v.Archives, v.Unmatched, v.Vanished = head.AsOf, head.Archives, head.Unmatched, head.Vanished
	}
	return v
}
