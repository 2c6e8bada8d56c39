package jobproc

import "fmt"

// answered is what an earlier process of this job has journalled of borg's
// answer already: none of it must stand there twice.
func (p *process) answered() (map[string]bool, error) {
	if p.reg.Value().Incarnation <= 1 {
		return nil, nil
	}
	fail := func(err error) (map[string]bool, error) {
		return nil, fmt.Errorf("read what was listed before: %w", err)
	}
	if err := p.journal.Sync(); err != nil { // only what is synced can be read
		return fail(err)
	}
	r := p.dir.NewReader()
	defer r.Close()
	there := map[string]bool{}
	for next := uint64(1); ; {
		records, after, err := r.Read(next, 256<<10)
		if err != nil {
			return fail(err)
		}
		if len(records) == 0 {
			return there, nil
		}
		for _, rec := range records {
			if len(rec.Data) > 0 {
				there[string(rec.Data)] = true
			}
		}
		next = after
	}
}
