package fleet

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
	"borgfleet/shared/wire"
)

// CreateRepository registers a repository and has its agent make it, or adopt
// what is there. Borg's own reason is the answer if it fails within
// Settings.InitWait, and then nothing stays registered; if it is not done by
// then, the registration stays, as pending.
func (s *Service) CreateRepository(ctx context.Context, r RepositoryRequest) (RepositoryView, error) {
	return s.register(ctx, r, job.Init)
}

// ImportRepository registers a repository that is there already, with what the
// account on the host has of it: keys, files cache, maybe the passphrase. That
// it opens is shown by the first list of its archives, which is waited for like
// borg's init.
func (s *Service) ImportRepository(ctx context.Context, r RepositoryRequest) (RepositoryView, error) {
	r.Definition.Adopted, r.Definition.AccountDirs = true, true
	return s.register(ctx, r, job.List)
}

// register makes the registration and the job that shows whether it works.
func (s *Service) register(ctx context.Context, r RepositoryRequest, first job.Kind) (RepositoryView, error) {
	agent, err := s.agentFor(r.Agent)
	if err != nil {
		return RepositoryView{}, err
	}
	def := r.Definition
	if def.PassphraseSealed, err = s.sealFor(agent, r); err != nil {
		return RepositoryView{}, err
	}
	if err := checkSize(def); err != nil {
		return RepositoryView{}, err
	}
	key, err := job.NewKey()
	if err != nil {
		return RepositoryView{}, err
	}
	var repo store.Repository
	err = s.store.Update(ctx, func(tx *store.Tx) error {
		if err := s.refuseTaken(tx, agent, def); err != nil {
			return err
		}
		def.ID = tx.NewRepositoryID()
		repo = store.Repository{
			Repository: def, Agent: agent.ID, Status: store.RepositoryPending, CreatedAt: s.now().UTC(), Imported: first == job.List,
		}
		firstJob, err := s.create(tx, key, agent.ID, s.newSpec(first, repo, r.By))
		if err != nil {
			return err
		}
		repo.InitJob = firstJob.ID
		tx.About(repositoryName(def.ID), fmt.Sprintf("%s at %s on %s, job %d", def.Name, def.Path, agent.Name, firstJob.ID))
		return s.putRepository(tx, repo)
	})
	if err != nil {
		return RepositoryView{}, err
	}
	return s.awaitInit(ctx, repo)
}

func checkSize(def job.Repository) error {
	n := proto.Size(wire.FromRepository(def))
	if n <= job.MaxDefinition {
		return nil
	}
	return fault.New(fault.TooLarge, "definition_too_large",
		"the definition has %d kB; every job carries it, so it may have %d kB: use fewer or shorter patterns", n>>10, job.MaxDefinition>>10)
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

// sealFor seals a passphrase to the agent, and to the fleet's recovery key.
func (s *Service) sealFor(agent store.Agent, r RepositoryRequest) ([]byte, error) {
	if r.Passphrase == "" {
		return r.PassphraseSealed, nil
	}
	var also []string
	if key := s.recoveryRecipient(); key != "" {
		also = append(also, key)
	}
	sealed, err := seal.Seal(agent.AgeRecipient, agent.ID, job.Location(r.Definition.Path, agent.ID), []byte(r.Passphrase), also...)
	if err != nil {
		return nil, fmt.Errorf("seal passphrase for agent %s: %w", agent.ID, err)
	}
	return sealed, nil
}

// refuseTaken keeps paths and names of one agent apart. A registration that
// failed is no obstacle: the new one takes its place.
func (s *Service) refuseTaken(tx *store.Tx, agent store.Agent, def job.Repository) error {
	for _, other := range tx.RepositoriesOf(agent.ID) {
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
			return nameTaken(tx, other)
		}
	}
	return nil
}

// awaitInit waits for the first job, and for its list to be in the catalogue.
// The registration is taken back only while the caller is still there to be
// told why.
func (s *Service) awaitInit(ctx context.Context, repo store.Repository) (RepositoryView, error) {
	j, _, err := s.await(ctx, repo.InitJob, s.set.InitWait, s.listTaken)
	if err != nil {
		return RepositoryView{}, err
	}
	if j.Verdict != nil && !j.Status.Good() {
		return RepositoryView{}, s.takeBack(ctx, repo.ID, j)
	}
	return s.Repository(ctx, repo.ID)
}

func (s *Service) takeBack(ctx context.Context, id int64, j job.Job) error {
	err := s.store.Update(ctx, func(tx *store.Tx) error { return s.dropRepository(tx, id) })
	if err != nil {
		return err
	}
	return notSetUp("the repository was not registered", j)
}

// notSetUp tells what became of a repository's first job.
func notSetUp(what string, j job.Job) error {
	code := j.Verdict.ErrorCode
	if code == "" {
		code = string(j.Spec.Kind) + "_failed"
	}
	return &fault.Error{
		Kind: fault.Invalid, Code: code,
		Message: fmt.Sprintf("%s: %s (job %d)", what, j.Verdict.ErrorMessage, j.ID),
		Step:    "when that is mended, ask for the same again",
		Fields:  []fault.Field{{Location: "body.path", Message: j.Verdict.ErrorMessage}},
	}
}
