package store

import (
	"fmt"
	"iter"
	"math"

	"github.com/dgraph-io/badger/v4"
	"google.golang.org/protobuf/proto"

	"borgfleet/controller/internal/history"
	"borgfleet/shared/job"
	storev1 "borgfleet/shared/proto/store/v1"
)

// load fills the memory from the disk.
func (s *Store) load() error {
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	for _, part := range []func(*badger.Txn) error{
		s.loadMeta, s.loadTables, s.loadIndex, s.loadActive,
	} {
		if err := part(txn); err != nil {
			return fmt.Errorf("load the store: %w", err)
		}
	}
	return nil
}

func (s *Store) loadMeta(txn *badger.Txn) error {
	id, ok, err := get(txn, []byte(storeIDKey))
	if err != nil {
		return err
	}
	if !ok {
		id = []byte(newStoreID())
		if err := s.write(map[string]write{storeIDKey: {value: id}}); err != nil {
			return err
		}
	}
	s.id = string(id)
	if s.restored, err = loadRestored(txn); err != nil {
		return err
	}
	if s.next.job, err = loadCounter(txn, nextJobKey); err != nil {
		return err
	}
	if s.next.repository, err = loadCounter(txn, nextRepositoryKey); err != nil {
		return err
	}
	if s.next.schedule, err = loadCounter(txn, nextScheduleKey); err != nil {
		return err
	}
	if s.next.channel, err = loadCounter(txn, nextChannelKey); err != nil {
		return err
	}
	if s.next.rule, err = loadCounter(txn, nextRuleKey); err != nil {
		return err
	}
	s.next.audit, err = loadCounter(txn, nextAuditKey)
	return err
}

func loadCounter(txn *badger.Txn, key string) (int64, error) {
	b, _, err := get(txn, []byte(key))
	return max(1, decodeNumber(b)), err
}

func (s *Store) loadTables(txn *badger.Txn) error {
	return firstError(
		loadTable(txn, agentPrefix, func(p *storev1.Agent) {
			a := agentFromProto(p)
			s.both(put(agentsOf, a.ID, a))
			s.both(name(a))
		}),
		loadTable(txn, formerAgentPrefix, func(p *storev1.Agent) {
			s.both(put(formerAgentsOf, p.Id, FormerAgent{ID: p.Id, Name: p.Name}))
		}),
		loadTable(txn, repositoryPrefix, func(p *storev1.Repository) {
			r := repositoryFromProto(p)
			s.both(put(repositoriesOf, r.ID, r))
			s.both(owns(r.Agent, r.ID))
		}),
		loadTable(txn, formerRepositoryPrefix, func(p *storev1.Repository) {
			r := former(repositoryFromProto(p))
			s.both(put(formerRepositoriesOf, r.ID, r))
		}),
		loadTable(txn, joinTokenPrefix, func(p *storev1.JoinToken) {
			t := joinTokenFromProto(p)
			s.both(put(joinTokensOf, string(t.Hash), t))
		}),
		loadTable(txn, userPrefix, func(p *storev1.User) {
			u := userFromProto(p)
			s.both(put(usersOf, u.Name, u))
		}),
		loadTable(txn, apiTokenPrefix, func(p *storev1.ApiToken) {
			t := apiTokenFromProto(p)
			s.both(put(apiTokensOf, t.ID, t))
		}),
		s.loadEndedLogins(txn),
		loadTable(txn, cataloguePrefix, func(p *storev1.Catalogue) {
			c := catalogueFromProto(p)
			s.both(put(cataloguesOf, c.Repository, c))
		}),
		s.loadNewLists(txn),
		loadTable(txn, heldPrefix, func(p *storev1.HeldRepository) {
			h := heldFromProto(p)
			s.both(put(heldOf, h.id(), h))
		}),
		loadTable(txn, recoveryKeyPrefix, func(p *storev1.RecoveryKey) {
			s.both(put(recoveryKeysOf, p.Number, recoveryKeyFromProto(p)))
		}),
		s.loadSchedules(txn),
		s.loadGone(txn),
		s.loadLeaving(txn),
		s.loadNotifications(txn),
	)
}

// both makes a change to the working and the published state.
func (s *Store) both(c change) {
	c(&s.working)
	c(&s.published)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func loadTable[M any, P interface {
	*M
	proto.Message
}](txn *badger.Txn, prefix byte, add func(P)) error {
	for b, err := range values(txn, prefix) {
		if err != nil {
			return err
		}
		m := P(new(M))
		if err := proto.Unmarshal(b, m); err != nil {
			return fmt.Errorf("read %T: %w", m, err)
		}
		add(m)
	}
	return nil
}

func (s *Store) loadIndex(txn *badger.Txn) (err error) {
	if s.index, err = history.Load(ahead(values(txn, rowPrefix))); err != nil {
		return err
	}
	for _, r := range s.published.repositories.all() {
		if !r.SizesAcceptedFrom.IsZero() {
			s.index.Accept(r.ID, r.SizesAcceptedFrom)
		}
	}
	return nil
}

// loadActive reads the jobs that have not ended. The rows of the history say
// which they are, so there is no queue on the disk to keep true.
func (s *Store) loadActive(txn *badger.Txn) error {
	var open history.Filter
	for _, st := range job.Statuses() {
		if !st.Final() {
			open.Statuses = append(open.Statuses, st)
		}
	}
	ids, _, _ := s.index.Query(open, history.Position{}, math.MaxInt)
	for _, id := range ids {
		j, err := loadJob(txn, id)
		if err != nil {
			return err
		}
		s.both(setJob(&j))
	}
	return nil
}

func loadJob(txn *badger.Txn, id int64) (job.Job, error) {
	b, ok, err := get(txn, idKey(jobPrefix, id))
	if err != nil {
		return job.Job{}, err
	}
	if !ok {
		return job.Job{}, fmt.Errorf("job %d has a row in the history, but no record", id)
	}
	j, err := decodeJob(b)
	if err != nil {
		return job.Job{}, err
	}
	tails, err := readTails(txn, id)
	if err != nil {
		return job.Job{}, err
	}
	if n := len(tails); n > 0 {
		// Log lines are stored without the job's record each time: where the
		// log ends is what is true.
		j.LogNext = max(j.LogNext, tails[n-1].last+1)
	}
	return j, nil
}

// values goes through what is stored under a prefix, in the order of the keys.
// The bytes are good until the next step.
func values(txn *badger.Txn, prefix byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		opt := badger.IteratorOptions{
			Prefix: []byte{prefix}, PrefetchValues: false, // they lie beside the keys
		}
		it := txn.NewIterator(opt)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			going := true
			err := it.Item().Value(func(b []byte) error {
				going = yield(b, nil)
				return nil
			})
			if err != nil {
				yield(nil, fmt.Errorf("read the store: %w", err))
				return
			}
			if !going {
				return
			}
		}
	}
}
