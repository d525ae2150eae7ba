package account

import (
	"hash/maphash"
	"sync"
)

// replays remembers the proofs seen, for as long as their nonce is good; older
// ones are refused for the nonce. It belongs to one server: a proof replayed at
// another one of the installation within the skew is not seen here, and meets
// the idempotence of what it asks for.
//
// It is bounded. When full it refuses new proofs rather than forget old ones:
// a flood then costs availability for minutes, never a replay.
type replays struct {
	seed   maphash.Seed
	life   int64 // stretches that a nonce is good
	shards [16]replayShard
}

type replayShard struct {
	mu    sync.Mutex
	limit int
	count int
	seen  map[int64]map[uint64]struct{} // by the nonce's stretch
}

func newReplays(limit int, life int64) *replays {
	r := &replays{seed: maphash.MakeSeed(), life: life}
	for i := range r.shards {
		r.shards[i] = replayShard{limit: max(limit/len(r.shards), 1), seen: map[int64]map[uint64]struct{}{}}
	}
	return r
}

// add remembers the proof; full says there was no room, fresh that it is new.
// 64 bits of a keyed hash stand for it: two proofs that collide, one in 10^13,
// cost one of them a repetition.
func (r *replays) add(device, jti string, stretch, here int64) (fresh, full bool) {
	var h maphash.Hash
	h.SetSeed(r.seed)
	h.WriteString(device) // of fixed length, so the two cannot run together
	h.WriteString(jti)
	sum := h.Sum64()
	s := &r.shards[sum%uint64(len(r.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.seen[stretch]
	if _, has := set[sum]; has {
		return false, false
	}
	if set == nil || s.count >= s.limit {
		for old, gone := range s.seen {
			if old <= here-r.life {
				s.count -= len(gone)
				delete(s.seen, old)
			}
		}
	}
	if s.count >= s.limit {
		return false, true
	}
	if set == nil {
		set = map[uint64]struct{}{}
		s.seen[stretch] = set
	}
	set[sum] = struct{}{}
	s.count++
	return true, false
}
