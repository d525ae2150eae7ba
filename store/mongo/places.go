package mongo

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"certlink/store"
)

// manyWriters is when a cursor is looked through for writers that are gone. Each
// start of a server makes one.
const manyWriters = 16

// places is a place in the feed: of each writer, the number of the last change
// read.
type places map[string]uint64

// cursor writes f<writer>.<number>.<writer>.<number>…
func (p places) cursor() store.Cursor {
	var b strings.Builder
	b.WriteByte('f')
	for i, w := range p.writers() {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(w)
		b.WriteByte('.')
		b.WriteString(strconv.FormatUint(p[w], 36))
	}
	return store.Cursor(b.String())
}

func parsePlaces(c store.Cursor) (places, error) {
	text, ok := strings.CutPrefix(string(c), "f")
	if !ok || len(text) > 1<<16 {
		return nil, store.ErrCursor
	}
	p := places{}
	if text == "" {
		return p, nil
	}
	pieces := strings.Split(text, ".")
	if len(pieces)%2 != 0 {
		return nil, store.ErrCursor
	}
	for i := 0; i < len(pieces); i += 2 {
		n, err := strconv.ParseUint(pieces[i+1], 36, 63)
		if err != nil || !isWriter(pieces[i]) {
			return nil, store.ErrCursor
		}
		p[pieces[i]] = n
	}
	return p, nil
}

// isWriter: 26 characters of base 32.
func isWriter(s string) bool {
	return len(s) == 26 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '2' || r > '7') })
}

func parseEntryID(raw bson.Raw) (writer string, number uint64, ok bool) {
	id, _ := raw.Lookup("_id").StringValueOK()
	writer, hex, _ := strings.Cut(id, "/")
	number, err := strconv.ParseUint(hex, 16, 63)
	return strings.Clone(writer), number, err == nil && isWriter(writer)
}

func (p places) writers() []string {
	w := make([]string, 0, len(p))
	for name := range p {
		w = append(w, name)
	}
	slices.Sort(w)
	return w
}

// filter finds what follows: from the place of each writer to the first entry of
// the next one, so that writers in between, of whom nothing is known, are found
// too.
func (p places) filter() bson.D {
	writers := p.writers()
	if len(writers) == 0 {
		return bson.D{}
	}
	ranges := bson.A{bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: writers[0] + "/"}}}}}
	for i, w := range writers {
		r := bson.D{{Key: "$gt", Value: entryID(w, p[w])}}
		if i+1 < len(writers) {
			r = append(r, bson.E{Key: "$lt", Value: writers[i+1] + "/"})
		}
		ranges = append(ranges, bson.D{{Key: "_id", Value: r}})
	}
	return bson.D{{Key: "$or", Value: ranges}}
}

// told remembers the newest revision told of documents, because two servers that
// write the same document one after the other may tell of it in the other order.
// The later entry is then told with the newer revision, so that the revisions of
// a document never go back. A revision told may so be one that was there before
// the document was deleted and made again: a change is only a hint.
type told struct {
	mu       sync.Mutex
	new, old map[store.Change]int64 // two generations bound it; keys have no revision
}

// toldMost is how many documents a generation holds: far more than are changed
// while an entry is under way.
const toldMost = 20_000

func (t *told) order(changes []store.Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range changes {
		k := changes[i]
		k.Rev = 0
		rev := max(changes[i].Rev, t.new[k], t.old[k])
		changes[i].Rev = rev
		if t.new == nil || len(t.new) >= toldMost {
			t.new, t.old = make(map[store.Change]int64, 64), t.new
		}
		t.new[k] = rev
	}
}
