package fleet

import "sync"

// memo remembers what was found, as long as a version says that it is still so.
type memo[V any] struct {
	mu      sync.Mutex // guards what follows
	version uint64
	by      map[string]V
}

// mostRemembered: what else is asked for takes its place.
const mostRemembered = 1000

// of gives what was found under key, or finds it. version must have been read
// before: what is found later is at least as new.
func (m *memo[V]) of(version uint64, key string, find func() V) V {
	m.mu.Lock()
	if m.by == nil || m.version != version || len(m.by) >= mostRemembered {
		m.version, m.by = version, map[string]V{}
	}
	v, known := m.by[key]
	m.mu.Unlock()
	if known {
		return v
	}
	v = find()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.version == version {
		m.by[key] = v
	}
	return v
}
