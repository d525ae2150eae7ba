package engine

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"certlink/store"
)

// Walk is a Query with its limits worked out: of all the (value, id) pairs of
// one index, those with Low ≤ value, value < High and beyond After.
type Walk struct {
	// Index is the number of the index, -1 for the ids themselves; then the
	// id stands for the value.
	Index int
	Low   string // inclusive; "" is open
	High  string // exclusive; "" is open
	// Empty: no value can lie within the limits.
	Empty bool
	After *Place
	Desc  bool
	Limit int
}

// Place is one entry of an index.
type Place struct{ Value, ID string }

// Plan works out the limits of q.
func (c *Collection) Plan(q store.Query) (Walk, error) {
	w := Walk{Index: -1, Low: q.From, High: q.Below, Desc: q.Desc, Limit: Limit(q.Limit)}
	if q.Index != "" {
		w.Index = c.Number(q.Index)
	}
	if !utf8.ValidString(q.Prefix) || !utf8.ValidString(q.From) || !utf8.ValidString(q.Below) {
		return w, fmt.Errorf("store: %s: the limits of a query on %s are not UTF-8", c.Name, q.Index)
	}
	if q.Prefix != "" {
		w.Low = max(w.Low, q.Prefix)
		if next := successor(q.Prefix); next != "" && (w.High == "" || next < w.High) {
			w.High = next
		}
	}
	w.Empty = w.High != "" && w.Low >= w.High
	if q.After != "" {
		p, err := decode(q.After)
		if err != nil {
			return w, err
		}
		w.After = &p
	}
	return w, nil
}

// Limit is the size of a page for the limit asked for.
func Limit(asked int) int {
	if asked <= 0 || asked > store.MaxLimit {
		return store.MaxLimit
	}
	return asked
}

// successor is the smallest text above every text that begins with prefix, or
// "" if there is none. It stays UTF-8, whose bytes order as its code points.
func successor(prefix string) string {
	for prefix != "" {
		r, n := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-n]
		switch {
		case r == 0xD7FF:
			return prefix + string(rune(0xE000)) // surrogates are no code points of UTF-8
		case r < utf8.MaxRune:
			return prefix + string(r+1)
		}
	}
	return ""
}

// Cursor writes a place as a cursor.
func (p Place) Cursor() store.Cursor {
	b := binary.AppendUvarint(make([]byte, 0, 4+len(p.Value)+len(p.ID)), uint64(len(p.Value)))
	b = append(append(b, p.Value...), p.ID...)
	return store.Cursor(base64.RawURLEncoding.EncodeToString(b))
}

func decode(c store.Cursor) (Place, error) {
	b, err := base64.RawURLEncoding.DecodeString(string(c))
	if err != nil {
		return Place{}, store.ErrCursor
	}
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) || !utf8.Valid(b[used:]) {
		return Place{}, store.ErrCursor
	}
	p := Place{Value: string(b[used : used+int(n)]), ID: string(b[used+int(n):])}
	// The cut between the two must not lie within a character.
	if p.ID == "" || !utf8.ValidString(p.Value) || !utf8.ValidString(p.ID) {
		return Place{}, store.ErrCursor
	}
	return p, nil
}
