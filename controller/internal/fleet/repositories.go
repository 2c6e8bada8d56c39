package fleet

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
	"borgfleet/shared/wire"
)

// maxDefinition bounds a repository's definition.
const maxDefinition = 256 << 10

// CreateRepository registers a repository and has its agent make it, or adopt
// what is there. Borg's own reason is the answer if it fails within
// Settings.InitWait, and then nothing stays registered; if it is not done by
// then, the registration stays, as pending.
func (s *Service) CreateRepository(ctx context.Context, r RepositoryRequest) (RepositoryView, error) {
	agent, err := s.agentFor(r.Agent)
	if err != nil {
		return RepositoryView{}, err
	}
	def := r.Definition
	if def.PassphraseSealed, err = sealFor(agent, r); err != nil {
		return RepositoryView{}, err
	}
	if n := proto.Size(wire.FromRepository(def)); n > maxDefinition {
		return RepositoryView{}, fault.New(fault.TooLarge, "definition_too_large",
			"the definition has %d kB; every job carries it, so it may have %d kB: use fewer or shorter patterns", n>>10, maxDefinition>>10)
	}
	key, err := job.NewKey()
	if err != nil {
		return RepositoryView{}, err
	}
	var repo store.Repository
	var initJob job.Job
	err = s.store.Update(ctx, func(tx *store.Tx) error {
		if err := s.refuseTaken(tx, agent, def); err != nil {
			return err
		}
		def.ID = tx.NewRepositoryID()
		repo = store.Repository{Repository: def, Agent: agent.ID, Status: store.RepositoryPending, CreatedAt: s.now().UTC()}
		if initJob, err = s.create(tx, key, agent.ID, s.newSpec(job.Init, repo, r.By)); err != nil {
			return err
		}
		repo.InitJob = initJob.ID
		return s.putRepository(tx, repo)
	})
	if err != nil {
		return RepositoryView{}, err
	}
	return s.awaitInit(ctx, repo)
}

// agentFor finds the repository's agent; it may be left out when there is
// exactly one.
func (s *Service) agentFor(ref string) (store.Agent, error) {
	if ref != "" {
		return s.findAgent(ref)
	}
	switch all := s.store.Agents(); len(all) {
	case 0:
		return store.Agent{}, fault.New(fault.Conflict, "no_agent",
			"no agent is enrolled yet; make a token with borgfleet-controller join-token create, and run borgfleet-agent enroll on the host")
	case 1:
		return all[0], nil
	default:
		return store.Agent{}, fault.InvalidField("body.agent", "this fleet has %d agents: say which one is to use the repository", len(all))
	}
}

func sealFor(agent store.Agent, r RepositoryRequest) ([]byte, error) {
	if r.Passphrase == "" {
		return r.PassphraseSealed, nil
	}
	sealed, err := seal.Seal(agent.AgeRecipient, agent.ID, job.Location(r.Definition.Path, agent.ID), []byte(r.Passphrase))
	if err != nil {
		return nil, fmt.Errorf("seal passphrase for agent %s: %w", agent.ID, err)
	}
	return sealed, nil
}

// refuseTaken keeps paths and names of one agent apart. A registration that
// failed is no obstacle: the new one takes its place.
func (s *Service) refuseTaken(tx *store.Tx, agent store.Agent, def job.Repository) error {
	for _, other := range tx.Repositories() {
		if other.Agent != agent.ID {
			continue
		}
		if other.Status == store.RepositoryFailed && (other.Path == def.Path || other.Name == def.Name) {
			if err := s.dropRepository(tx, other.ID); err != nil {
				return err
			}
			continue
		}
		if other.Path == def.Path {
			return fault.New(fault.Conflict, "repository_exists",
				"%s is already registered on agent %s, as repository %d %q", def.Path, agent.Name, other.ID, other.Name)
		}
		if other.Name == def.Name {
			return fault.New(fault.Conflict, "repository_name_taken",
				"agent %s already has a repository named %q (id %d); choose another name", agent.Name, def.Name, other.ID)
		}
	}
	return nil
}

// awaitInit waits for the init job. The registration is taken back only while
// the caller is still there to be told why.
func (s *Service) awaitInit(ctx context.Context, repo store.Repository) (RepositoryView, error) {
	changed, stop := s.watch.on(repo.InitJob)
	defer stop()
	limit := time.NewTimer(s.set.InitWait)
	defer limit.Stop()
	for {
		j, err := s.load(repo.InitJob)
		if err != nil {
			return RepositoryView{}, err
		}
		if j.Verdict != nil && !j.Verdict.Status.Good() {
			return RepositoryView{}, s.takeBack(ctx, repo.ID, j)
		}
		if j.Verdict != nil {
			return s.Repository(ctx, repo.ID)
		}
		select {
		case <-changed:
		case <-limit.C:
			return s.Repository(ctx, repo.ID)
		case <-ctx.Done():
			return RepositoryView{}, ctx.Err()
		}
	}
}

func (s *Service) takeBack(ctx context.Context, id int64, j job.Job) error {
	err := s.store.Update(ctx, func(tx *store.Tx) error { return s.dropRepository(tx, id) })
	if err != nil {
		return err
	}
	code := j.Verdict.ErrorCode
	if code == "" {
		code = "init_failed"
	}
	return &fault.Error{
		Kind: fault.Invalid, Code: code,
		Message: fmt.Sprintf("the repository was not registered: %s (job %d)", j.Verdict.ErrorMessage, j.ID),
		Fields:  []fault.Field{{Location: "body.path", Message: j.Verdict.ErrorMessage}},
	}
}

func (s *Service) dropRepository(tx *store.Tx, id int64) error {
	repo, ok := tx.Repository(id)
	if !ok {
		return nil
	}
	tx.OnCommit(func() { s.repositoryChanged(repo.Agent, id) })
	return tx.DeleteRepository(id)
}

// settleRepository writes down what became of a repository's init.
func (s *Service) settleRepository(tx *store.Tx, j job.Job) error {
	repo, ok := tx.Repository(j.Spec.Repository.ID)
	if !ok || repo.InitJob != j.ID {
		return nil // taken back, or set up by another job
	}
	v := j.Verdict
	if v.Status.Good() {
		repo.Status, repo.ErrorCode, repo.ErrorMessage = store.RepositoryReady, "", ""
		repo.AlreadyExisted, repo.Adopted = v.AlreadyExisted, v.AlreadyExisted
	} else {
		repo.Status, repo.ErrorCode, repo.ErrorMessage = store.RepositoryFailed, v.ErrorCode, v.ErrorMessage
	}
	return s.putRepository(tx, repo)
}

// rememberBorgID keeps borg's own repository id: from then on it is the
// identity of the location, whatever path leads there. The first one stays: a
// repository that changes its id under the same path is another repository.
func (s *Service) rememberBorgID(tx *store.Tx, j job.Job) error {
	repo, ok := tx.Repository(j.Spec.Repository.ID)
	if !ok || repo.Agent != j.Agent || repo.BorgID != "" {
		return nil
	}
	repo.BorgID = j.Verdict.BorgID
	return s.putRepository(tx, repo)
}

func (s *Service) putRepository(tx *store.Tx, r store.Repository) error {
	tx.OnCommit(func() { s.repositoryChanged(r.Agent, r.ID) })
	return tx.PutRepository(r)
}

func (s *Service) repositoryChanged(agent string, id int64) {
	if se := s.session(agent); se != nil {
		se.repositoryChanged(id)
	}
}

// Repositories lists what is registered, by id.
func (s *Service) Repositories(context.Context) []RepositoryView {
	all := s.store.Repositories()
	out := make([]RepositoryView, 0, len(all))
	for _, r := range all {
		out = append(out, s.repositoryView(r))
	}
	return out
}

// Repository answers for one repository.
func (s *Service) Repository(_ context.Context, id int64) (RepositoryView, error) {
	r, ok := s.store.Repository(id)
	if !ok {
		return RepositoryView{}, fault.New(fault.NotFound, "repository_not_found", "there is no repository %d", id)
	}
	return s.repositoryView(r), nil
}

func (s *Service) repositoryView(r store.Repository) RepositoryView {
	return RepositoryView{
		Repository: r.Repository, AgentID: r.Agent, AgentName: s.agentName(r.Agent),
		Status: string(r.Status), ErrorCode: r.ErrorCode, ErrorMessage: r.ErrorMessage,
		AlreadyExisted: r.AlreadyExisted, CreatedAt: r.CreatedAt, InitJob: r.InitJob,
	}
}
