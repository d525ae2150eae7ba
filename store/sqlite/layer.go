package sqlite

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/google/btree"

	"certlink/store"
	"certlink/store/internal/engine"
)

// layers are the documents that the journal holds and the database does not yet.
// They lie over the database: what stands here is the truth, whatever is below.
//
// At most two: the young one takes writes; the old one, if there is one, is being
// folded into the database and changes no more. Both are bounded by the journal.
//
// Only the writer changes them, under the lock; it reads them without.
type layers struct {
	mu         sync.RWMutex
	young, old *layer
	commits    uint64 // counts the batches that have become visible
}

// layer is what one generation of the journal holds.
type layer struct {
	gen   uint64
	born  time.Time
	docs  map[key]*layered
	trees map[*engine.Collection][]*btree.BTreeG[spot]
	// changes is how many the feed was told of in this generation.
	changes int
}

// layered is one document in a layer.
type layered struct {
	now   *entry // nil: it is gone
	below *entry // what the layers below hold; nil: nothing
	since uint64 // the batch by which it came into this layer
}

// spot is where a document stands in an index of a layer. It stays when the document is
// written again with the same value.
type spot struct {
	value, id string
	doc       *layered
}

func (a spot) compare(b spot) int {
	if n := cmp.Compare(a.value, b.value); n != 0 {
		return n
	}
	return cmp.Compare(a.id, b.id)
}

// place is a document that a walk has found, and the value by which it has.
type place struct {
	value string
	*entry
}

func (a place) compare(b place) int {
	return spot{value: a.value, id: a.id}.compare(spot{value: b.value, id: b.id})
}

// before tells whether a comes before b in a walk.
func before(a, b place, desc bool) bool {
	if desc {
		return b.compare(a) < 0
	}
	return a.compare(b) < 0
}

// doc is a copy that a caller may do with what it likes.
func (e *entry) doc() store.Doc {
	return store.Doc{ID: e.id, Rev: e.rev, Body: bytes.Clone(e.body), Index: e.c.ByName(e.values)}
}

// peek is the document as it is held.
func (e *entry) peek() store.Doc { return store.Doc{ID: e.id, Rev: e.rev, Body: e.body} }

func newLayer(gen uint64) *layer {
	return &layer{gen: gen, born: time.Now(), docs: map[key]*layered{}, trees: map[*engine.Collection][]*btree.BTreeG[spot]{}}
}

// set puts a document's new state into the layer.
func (l *layer) set(k key, now, below *entry, batch uint64) {
	d := l.docs[k]
	if d == nil {
		d = &layered{below: below, since: batch}
		l.docs[k] = d
	}
	old := d.now
	d.now = now
	if len(k.c.Indexes) == 0 {
		return
	}
	trees := l.trees[k.c]
	if trees == nil {
		trees = make([]*btree.BTreeG[spot], len(k.c.Indexes))
		for i := range trees {
			trees[i] = btree.NewG(32, func(a, b spot) bool { return a.compare(b) < 0 })
		}
		l.trees[k.c] = trees
	}
	for i, t := range trees {
		var was, is string
		if old != nil {
			was = old.values[i]
		}
		if now != nil {
			is = now.values[i]
		}
		if was == is {
			continue
		}
		if was != "" {
			t.Delete(spot{was, k.id, nil})
		}
		if is != "" {
			t.ReplaceOrInsert(spot{is, k.id, d})
		}
	}
}

// doc is a document of the layer, if there is a layer, and it is in it.
func (l *layer) doc(k key) *layered {
	if l == nil {
		return nil
	}
	return l.docs[k]
}

// find looks a document up; below the layers, found is false.
func (ls *layers) find(k key) (now *entry, found bool) {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	if d := ls.young.docs[k]; d != nil {
		return d.now, true
	}
	if d := ls.old.doc(k); d != nil {
		return d.now, true
	}
	return nil, false
}

// view is what a walk sees of the layers: the places within its limits, in its
// order, and which documents of the database they hide.
type view struct {
	ls         *layers
	young, old *layer
	commits    uint64
	places     []place
}

// view takes one more place than a page holds, so that the walk can tell whether
// the page has a successor.
func (ls *layers) view(c *engine.Collection, w engine.Walk) view {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	v := view{ls: ls, young: ls.young, old: ls.old, commits: ls.commits}
	young := ls.young.places(c, w, nil)
	if ls.old == nil {
		v.places = young
		return v
	}
	old := ls.old.places(c, w, ls.young)
	if len(young) == 0 || len(old) == 0 {
		v.places = append(young, old...)
		return v
	}
	v.places = append(young, old...)
	slices.SortFunc(v.places, func(a, b place) int {
		if w.Desc {
			return b.compare(a)
		}
		return a.compare(b)
	})
	v.places = v.places[:min(len(v.places), w.Limit+1)]
	return v
}

// places are those of one layer that no layer above hides.
func (l *layer) places(c *engine.Collection, w engine.Walk, above *layer) (out []place) {
	take := func(p place) bool {
		if (w.Low != "" && p.value < w.Low) || (w.High != "" && p.value >= w.High) {
			return false
		}
		if above == nil || above.docs[p.key] == nil {
			out = append(out, p)
		}
		return len(out) <= w.Limit
	}
	if w.Index < 0 {
		l.byID(c, w, take)
		return out
	}
	trees := l.trees[c]
	if trees == nil {
		return nil
	}
	show := func(s spot) bool { return take(place{s.value, s.doc.now}) }
	skip := func(s spot) bool { // the place itself, which the walk is beyond
		return s.value == w.After.Value && s.id == w.After.ID || show(s)
	}
	t := trees[w.Index]
	var after spot
	if w.After != nil {
		after = spot{value: w.After.Value, id: w.After.ID}
	}
	switch {
	case !w.Desc && w.After != nil && w.After.Value >= w.Low:
		t.AscendGreaterOrEqual(after, skip)
	case !w.Desc:
		t.AscendGreaterOrEqual(spot{value: w.Low}, show)
	case w.After != nil && (w.High == "" || w.After.Value < w.High):
		t.DescendLessOrEqual(after, skip)
	case w.High != "":
		// No id is "", so that nothing equals this spot.
		t.DescendLessOrEqual(spot{value: w.High}, show)
	default:
		t.Descend(show)
	}
	return out
}

// byID walks the ids of a layer. Nothing that is asked for often does, so they are
// put in order when they are.
func (l *layer) byID(c *engine.Collection, w engine.Walk, take func(place) bool) {
	var all []place
	for k, d := range l.docs {
		if k.c != c || d.now == nil || (w.Low != "" && k.id < w.Low) || (w.High != "" && k.id >= w.High) {
			continue
		}
		if w.After != nil && (!w.Desc && k.id <= w.After.ID || w.Desc && k.id >= w.After.ID) {
			continue
		}
		all = append(all, place{k.id, d.now})
	}
	slices.SortFunc(all, func(a, b place) int {
		if w.Desc {
			return b.compare(a)
		}
		return a.compare(b)
	})
	for _, p := range all {
		if !take(p) {
			return
		}
	}
}

// hides tells whether a document of the database was already something else when
// the view was taken. What came into the young layer since then does not count: the
// view does not have it either.
func (v *view) hides(k key) bool {
	v.ls.mu.RLock()
	defer v.ls.mu.RUnlock()
	if d := v.young.docs[k]; d != nil && d.since <= v.commits {
		return true
	}
	return v.old != nil && v.old.docs[k] != nil
}

// holder finds who holds a value of a unique index in the layers, as the writer
// sees them: "" if nobody does.
func (l *layer) holder(c *engine.Collection, index int, value string) string {
	if l == nil || l.trees[c] == nil {
		return ""
	}
	id := ""
	l.trees[c][index].AscendGreaterOrEqual(spot{value: value}, func(s spot) bool {
		if s.value == value {
			id = s.id
		}
		return false
	})
	return id
}

// folding is one document on its way into the database.
type folding struct {
	key
	now, below *entry
}

// all lists what the layer holds and the database does not.
func (l *layer) all() []folding {
	out := make([]folding, 0, len(l.docs))
	for k, d := range l.docs {
		if d.now != nil || d.below != nil {
			out = append(out, folding{k, d.now, d.below})
		}
	}
	// In the order of their ids, most of which begin with the time: neighbours in
	// the tables then come one after the other.
	slices.SortFunc(out, func(a, b folding) int {
		if n := cmp.Compare(a.c.Name, b.c.Name); n != 0 {
			return n
		}
		return cmp.Compare(a.id, b.id)
	})
	return out
}
