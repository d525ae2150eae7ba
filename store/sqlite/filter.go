package sqlite

import (
	"hash/maphash"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"certlink/store/internal/engine"
)

// filter knows of one index which values the database does not hold. A large part of
// all look-ups is for what is not there: whether a new id or a unique value is free,
// whether an account has a binding. It may be wrong in one direction only: what it
// takes for held may not be there, and then the database is asked as before.
//
// It is a Bloom filter, made in the background when the database has been asked in vain
// often enough; from then on the folder adds what it writes, before that leaves the
// layers. What is deleted stays in it; when most of it may be of that kind, it is given
// up, and made anew when it is needed again.
//
// With a value stands its first piece and the U+001F behind it (store.KeyPrefix), which is
// what walks over a compound value ask for.
type filter struct {
	state atomic.Int32
	vain  atomic.Int64 // look-ups that found nothing, while there is no filter
	// whole is asked, growing is added to: the same one once it is whole. A look-up that
	// has an older one in hand looked into the layers while that was whole, and what has
	// come since is no concern of it.
	whole   atomic.Pointer[values]
	mu      sync.Mutex // held by whoever adds
	growing *values
}

// values is a set of values.
type values struct {
	seed   maphash.Seed
	blooms atomic.Pointer[[]*bloom]
	count  int
	most   int // when it is given up
}

// The states of a filter.
const (
	absent  int32 = iota
	wanted        // handed to the folder
	filling       // the folder adds already, the scan is under way
	complete
)

const (
	// vainly is how many look-ups in vain have a filter made.
	vainly = 256
	// firstBloom is the values of the first bloom of a filter; each further one has
	// twice as many.
	firstBloom = 1 << 16
	// scanRows is how many rows of an index are read at a time.
	scanRows = 1024
)

// bloom has 512 bits for 32 values on average, one line of the processor's cache; a
// value sets seven of them. About one value in two hundred that is not there is taken
// for held.
type bloom struct {
	lines [][8]atomic.Uint64
	room  int // values that it may still take
}

func newBloom(values int) *bloom {
	return &bloom{lines: make([][8]atomic.Uint64, values/32), room: values}
}

func (b *bloom) line(h uint64) *[8]atomic.Uint64 { return &b.lines[(h>>32)*uint64(len(b.lines))>>32] }

const bitsEach = 7

// nextBit walks over the bits of a value in its line.
func nextBit(h uint64) (word int, bit uint64, next uint64) {
	h = h*0x9e3779b97f4a7c15 + 0x7f4a7c15
	return int(h >> 61), 1 << (h >> 55 & 63), h
}

func (b *bloom) add(h uint64) {
	l, at := b.line(h), h
	for range bitsEach {
		var w int
		var bit uint64
		w, bit, at = nextBit(at)
		l[w].Or(bit)
	}
}

func (b *bloom) has(h uint64) bool {
	l, at := b.line(h), h
	for range bitsEach {
		var w int
		var bit uint64
		if w, bit, at = nextBit(at); l[w].Load()&bit == 0 {
			return false
		}
	}
	return true
}

// lacks is true if the database holds nothing of the value for certain. Whoever asks
// has looked into the layers before.
func (f *filter) lacks(value string) bool {
	v := f.whole.Load()
	return v != nil && !v.has(maphash.String(v.seed, value))
}

// add puts a value in.
func (f *filter) add(value string) {
	if value == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.growing.add(value)
	if i := strings.IndexByte(value, pieceEnd); i >= 0 {
		f.growing.add(value[:i+1])
	}
}

const pieceEnd = '\x1f'

func (v *values) has(h uint64) bool {
	for _, b := range *v.blooms.Load() {
		if b.has(h) {
			return true
		}
	}
	return false
}

func (v *values) add(value string) {
	h := maphash.String(v.seed, value)
	if v.has(h) {
		return
	}
	blooms := *v.blooms.Load()
	if len(blooms) == 0 || blooms[len(blooms)-1].room == 0 {
		blooms = append(blooms[:len(blooms):len(blooms)], newBloom(firstBloom<<len(blooms)))
		v.blooms.Store(&blooms)
	}
	last := blooms[len(blooms)-1]
	last.add(h)
	last.room--
	v.count++
}

// asked is the value that a walk asks for, or the first piece of all that it asks for.
func asked(w engine.Walk) (value string, ok bool) {
	n := len(w.High)
	switch {
	case n == len(w.Low)+1 && w.High[:n-1] == w.Low && w.High[n-1] == 0:
		return w.Low, w.Low != ""
	case n > 0 && n == len(w.Low) && w.High[:n-1] == w.Low[:n-1] && w.High[n-1] == pieceEnd+1 && strings.IndexByte(w.Low, pieceEnd) == n-1:
		return w.Low, true
	}
	return "", false
}

func (db *DB) filter(c *engine.Collection, index int) *filter { return db.filters[c][index+1] }

// inVain notes that the database was asked for what is not there.
func (db *DB) inVain(c *engine.Collection, index int) {
	f := db.filter(c, index)
	if f.state.Load() != absent || f.vain.Add(1) < vainly || !f.state.CompareAndSwap(absent, wanted) {
		return
	}
	select {
	case db.writer.folder.filters <- wantedFilter{f, c, index}:
	default:
		f.giveUp()
	}
}

type wantedFilter struct {
	*filter
	c     *engine.Collection
	index int
}

// giveUp: look-ups go to the database again.
func (f *filter) giveUp() {
	f.whole.Store(nil)
	f.vain.Store(0)
	f.state.Store(absent)
}

// begin is called by the folder between two folds: what it folds from now on is added,
// and what it has folded before is in the snapshots of the scan.
func (f *folder) begin(w wantedFilter) {
	w.growing = &values{seed: maphash.MakeSeed()}
	w.growing.blooms.Store(new([]*bloom))
	w.state.Store(filling)
	f.scans.Go(func() {
		f.scanning.Lock() // one at a time: there is one connection for it
		defer f.scanning.Unlock()
		switch done, err := f.db.scan(w); {
		case err != nil:
			slog.Warn("an index could not be read into memory; look-ups go to the database", "collection", w.c.Name, "err", err)
			w.giveUp()
		case done:
			w.mu.Lock()
			w.growing.most = 4 * max(w.growing.count, 4*firstBloom)
			w.whole.Store(w.growing)
			w.mu.Unlock()
			w.state.Store(complete)
		}
	})
}

// scan reads all values of an index, a few at a time, so that nobody waits for its
// snapshot. It is not done if the store closes.
func (db *DB) scan(w wantedFilter) (done bool, err error) {
	by := "id"
	if w.index >= 0 {
		by = column(w.c.Indexes[w.index].Name)
	}
	sql := "SELECT " + by + " FROM " + db.tables[w.c].name + " WHERE " + by + " > ? ORDER BY " + by + " LIMIT ?"
	for after := ""; ; {
		select {
		case <-db.over:
			return false, nil
		default:
		}
		begun := time.Now()
		n, err := db.scanPart(w.filter, sql, &after)
		if err != nil || n < scanRows {
			return err == nil, err
		}
		time.Sleep(time.Since(begun)) // nobody waits for it
	}
}

func (db *DB) scanPart(f *filter, sql string, after *string) (n int, err error) {
	c := db.scanner
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() {
		if rc := c.release(); err == nil {
			err = rc
		}
	}()
	if err := c.at(db.folds.Load()); err != nil {
		return 0, err
	}
	s, err := c.prepare(sql)
	if err != nil {
		return 0, err
	}
	if err := c.room(len(*after)); err != nil {
		return 0, err
	}
	defer s.reset()
	s.bindText(1, *after)
	s.bindInt(2, scanRows)
	for {
		more, err := s.step()
		if !more || err != nil {
			return n, err
		}
		*after = s.text(0)
		f.add(*after)
		n++
	}
}

// fill adds what is about to be folded to the filters that there are.
func (f *folder) fill(docs []folding) {
	for i := range docs {
		d := &docs[i]
		if d.now == nil {
			continue
		}
		if d.below == nil {
			f.fillOne(d.c, -1, d.id)
		}
		for i, v := range d.now.values {
			if d.below == nil || d.below.values[i] != v {
				f.fillOne(d.c, i, v)
			}
		}
	}
}

func (f *folder) fillOne(c *engine.Collection, index int, value string) {
	to := f.db.filter(c, index)
	switch state := to.state.Load(); {
	case state == complete && to.growing.count > to.growing.most:
		to.giveUp() // most of it may be gone from the database
	case state == complete || state == filling:
		to.add(value)
	}
}
