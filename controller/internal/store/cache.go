package store

import (
	"sync"

	"borgfleet/shared/job"
)

// cacheJobs is what the newest pages and the busiest searches need.
const cacheJobs = 4096

// cache has ended jobs, decoded: pages of history are the same jobs again and
// again. Jobs that have not ended are in memory anyway.
type cache struct {
	mu   sync.RWMutex // guards jobs and gen
	jobs map[int64]*job.Job
	gen  uint64 // raised when a stored ended job changes
}

func newCache() *cache { return &cache{jobs: map[int64]*job.Job{}} }

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
		c.makeRoom()
		c.jobs[j.ID] = j
	}
}

// makeRoom drops any one: which, a map's order decides. A page that is asked
// for again is soon back.
func (c *cache) makeRoom() {
	for id := range c.jobs {
		if len(c.jobs) < cacheJobs {
			return
		}
		delete(c.jobs, id)
	}
}

// forget drops jobs that have changed. It comes after the commit and before its
// answer, so who asks after the answer reads the new state.
func (c *cache) forget(ids []int64) {
	if len(ids) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gen++
	for _, id := range ids {
		delete(c.jobs, id)
	}
}
