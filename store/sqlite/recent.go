package sqlite

// recentLimit is the most that one generation of a recent holds.
const recentLimit = 1 << 15

// recent remembers what was put into it, or asked for, lately. It is bounded by two
// generations: when the young one is full it becomes the old one, and what the old one
// held is forgotten unless it was asked for meanwhile.
type recent[K comparable, V any] struct {
	young, old map[K]V
}

func (r *recent[K, V]) get(k K) (V, bool) {
	v, known := r.young[k]
	if !known {
		if v, known = r.old[k]; known {
			r.put(k, v)
		}
	}
	return v, known
}

func (r *recent[K, V]) put(k K, v V) {
	if len(r.young) >= recentLimit {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = map[K]V{}
	}
	r.young[k] = v
}

func (r *recent[K, V]) forget(k K) {
	delete(r.young, k)
	delete(r.old, k)
}
