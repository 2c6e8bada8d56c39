package store

import (
	"cmp"
	"slices"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
	storev1 "borgfleet/shared/proto/store/v1"
	"borgfleet/shared/wire"
)

// RepositoryStatus says how far a repository's registration has come.
type RepositoryStatus string

const (
	RepositoryPending RepositoryStatus = "pending" // its init has not ended
	RepositoryReady   RepositoryStatus = "ready"
	RepositoryFailed  RepositoryStatus = "failed"
)

// Repository is a registered repository.
type Repository struct {
	job.Repository
	Agent          string // agent id
	Status         RepositoryStatus
	ErrorCode      string
	ErrorMessage   string
	AlreadyExisted bool
	CreatedAt      time.Time
	InitJob        int64 // that made, adopted or imported it
	Imported       bool  // it had to be there already
	// Recovery is the newest copy for a recovery key, without what is sealed; nil:
	// there is none.
	Recovery *job.Recovery

	PassphraseJob int64 // tries a new passphrase; 0: none does

	// SizesAcceptedFrom is from when on sizes of backups are compared: when the backup
	// was made whose size a person took for normal, small as it was; or after those
	// of which some are gone. Zero: all are.
	SizesAcceptedFrom time.Time
}

func repositoryToProto(r Repository) *storev1.Repository {
	p := &storev1.Repository{
		Definition: wire.FromRepository(r.Repository), Agent: r.Agent, Status: string(r.Status),
		ErrorCode: text(r.ErrorCode), ErrorMessage: text(r.ErrorMessage),
		AlreadyExisted: r.AlreadyExisted, CreatedAt: stamp(r.CreatedAt), InitJob: r.InitJob, Imported: r.Imported,
		PassphraseJob: r.PassphraseJob, SizesAcceptedFrom: stamp(r.SizesAcceptedFrom),
	}
	if r.Recovery != nil {
		p.Recovery = wire.FromRecovery(*r.Recovery)
	}
	return p
}

func repositoryFromProto(p *storev1.Repository) Repository {
	r := Repository{
		Repository: wire.ToRepository(p.Definition), Agent: p.Agent, Status: RepositoryStatus(p.Status),
		ErrorCode: p.ErrorCode, ErrorMessage: p.ErrorMessage,
		AlreadyExisted: p.AlreadyExisted, CreatedAt: instant(p.CreatedAt), InitJob: p.InitJob, Imported: p.Imported,
		PassphraseJob: p.PassphraseJob, SizesAcceptedFrom: instant(p.SizesAcceptedFrom),
	}
	if p.Recovery != nil {
		c := wire.ToRecovery(p.Recovery)
		r.Recovery = &c
	}
	return r
}

// Repository gives the repository with this id.
func (tx *Tx) Repository(id int64) (Repository, bool) { return tx.s.working.repositories.get(id) }

// Repositories gives all repositories by id.
func (tx *Tx) Repositories() []Repository { return sortedRepositories(&tx.s.working) }

// PutRepository stores a repository, new or changed.
func (tx *Tx) PutRepository(r Repository) error {
	tx.changed(Changed{Thing: ThingRepository, ID: r.ID, Agent: r.Agent})
	old, had := tx.Repository(r.ID)
	tx.acceptSizes(r.ID, old.SizesAcceptedFrom, r.SizesAcceptedFrom)
	if err := putRecord(tx, idKey(repositoryPrefix, r.ID), repositoryToProto(r), repositoriesOf, r.ID, r); err != nil {
		return err
	}
	if had && old.Agent != r.Agent {
		tx.change(disowns(old.Agent, r.ID))
	}
	tx.change(owns(r.Agent, r.ID))
	return nil
}

// acceptSizes tells the index from when on sizes count, if that is another time now.
func (tx *Tx) acceptSizes(id int64, before, now time.Time) {
	if !before.Equal(now) {
		tx.index(func(ix *history.Index) { ix.Accept(id, now) })
	}
}

// changedRepository: people see of a repository what is registered and how its
// catalogue stands.
func (tx *Tx) changedRepository(id int64) {
	if r, ok := tx.Repository(id); ok {
		tx.changed(Changed{Thing: ThingRepository, ID: id, Agent: r.Agent})
	}
}

// Repository gives the repository with this id.
func (s *Store) Repository(id int64) (Repository, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.repositories.get(id)
}

// Repositories gives all repositories by id.
func (s *Store) Repositories() []Repository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedRepositories(&s.published)
}

// RepositoriesWhere gives those that wanted picks, by id. It is asked under the
// store's lock, and must not ask the store itself.
func (s *Store) RepositoriesWhere(wanted func(*Repository) bool) []Repository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []Repository
	for _, r := range s.published.repositories {
		if wanted(r) {
			out = append(out, *r)
		}
	}
	slices.SortFunc(out, func(a, b Repository) int { return byID(&a, &b) })
	return out
}

func repositoriesOf(st *state) table[int64, Repository] { return st.repositories }

func sortedRepositories(st *state) []Repository {
	return st.repositories.sorted(byID)
}

// AnyOrder gives all repositories, in no order, to look at; see AgentsByID.
func (s *Store) AnyOrder() []*Repository {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.repositories.all()
}

func byID(a, b *Repository) int { return cmp.Compare(a.ID, b.ID) }
