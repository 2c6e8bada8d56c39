package store

import (
	"sync"

	"borgfleet/shared/job"
)

// cacheJobs is what the newest pages and the busiest searches need.
const cacheJobs = 4096

// cache has ended jobs, decoded, and the ids of what they follow: pages of history
// are the same jobs again and again. Jobs that have not ended are in memory anyway.
type cache struct {
	mu   sync.RWMutex // guards what follows
	jobs map[int64]*job.Job
	ids  map[job.Key]int64
	gen  uint64 // raised when a stored ended job changes
}

// outdated is an ended job that the cache has wrong.
type outdated struct {
	id  int64
	key job.Key // zero unless the job was deleted
}

func newCache() *cache {
	return &cache{jobs: map[int64]*job.Job{}, ids: map[job.Key]int64{}}
}

func (c *cache) id(key job.Key) (int64, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	id, ok := c.ids[key]
	return id, ok
}

func (c *cache) get(id int64) (*job.Job, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	j, ok := c.jobs[id]
	return j, ok
}

func (c *cache) generation() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.gen
}

// put keeps what was read from the disk after generation gave gen. If an ended
// job has changed since, it may be an old state, and is not kept.
func (c *cache) put(gen uint64, jobs []*job.Job) {
	if len(jobs) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen != gen {
		return
	}
	for _, j := range jobs {
		makeRoom(c.jobs)
		c.jobs[j.ID] = j
	}
}

// putID is put for the id of the job with a key.
func (c *cache) putID(gen uint64, key job.Key, id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gen == gen {
		makeRoom(c.ids)
		c.ids[key] = id
	}
}

// makeRoom drops any one: which, a map's order decides. A page that is asked
// for again is soon back.
func makeRoom[K comparable, V any](m map[K]V) {
	for k := range m {
		if len(m) < cacheJobs {
			return
		}
		delete(m, k)
	}
}

// forget drops jobs that have changed. It comes after the commit and before its
// answer, so who asks after the answer reads the new state.
func (c *cache) forget(jobs []outdated) {
	if len(jobs) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	for _, j := range jobs {
		delete(c.jobs, j.id)
		delete(c.ids, j.key)
	}
}
