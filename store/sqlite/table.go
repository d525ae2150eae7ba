package sqlite

import (
	"strings"

	"certlink/store/internal/engine"
)

// table holds the statements on one collection.
//
//	CREATE TABLE doc_orders(id TEXT PRIMARY KEY NOT NULL, rev INTEGER NOT NULL, body BLOB NOT NULL, ix_state TEXT, …)
//
// A table with rowids: new documents then lie together at its end, and a body
// of up to a page needs no overflow page. WITHOUT ROWID was measured with bodies
// of 1.5 kB: an insert costs half as much again, a replace a third.
type table struct {
	c       *engine.Collection
	name    string
	insert  string
	byID    string   // rev, body and values
	holders []string // who holds a value, by index number
	delete  string
	updates map[uint32]string // by the set of values that change; the folder's
	walks   []string          // by walk number: whole documents
	names   []string          // by walk number: id and value
}

func newTable(c *engine.Collection) *table {
	t := &table{c: c, name: "doc_" + c.Name, updates: map[uint32]string{}}
	columns, marks := "", ""
	for _, ix := range c.Indexes {
		columns += ", " + column(ix.Name)
		marks += ", ?"
	}
	t.insert = "INSERT INTO " + t.name + "(id, rev, body" + columns + ") VALUES(?, ?, ?" + marks + ")"
	t.byID = "SELECT rev, body" + columns + " FROM " + t.name + " WHERE id = ?"
	t.delete = "DELETE FROM " + t.name + " WHERE id = ?"
	for i := range c.Indexes {
		t.holders = append(t.holders, "SELECT id FROM "+t.name+" WHERE "+column(c.Indexes[i].Name)+" = ?")
	}
	for i := range 2 * (1 + len(c.Indexes)) {
		index, desc, names := i/2-1, i%2 == 1, "SELECT id"
		if index >= 0 {
			names += ", " + column(c.Indexes[index].Name)
		}
		t.walks = append(t.walks, t.walkText(index, desc, "SELECT id, rev, body"+columns+" FROM "+t.name))
		t.names = append(t.names, t.walkText(index, desc, names+" FROM "+t.name))
	}
	return t
}

func column(index string) string { return "ix_" + index }

// all is the set of all values.
func (t *table) all() uint32 { return uint32(1)<<len(t.c.Indexes) - 1 }

// update is the statement that changes the values in the set. Leaving out those
// that stay the same spares SQLite the work on their indexes. Of the 2^n sets a
// handful occur; should it be more, the full statement does, and its set is
// returned.
func (t *table) update(set uint32) (string, uint32) {
	if text, ok := t.updates[set]; ok {
		return text, set
	}
	if len(t.updates) >= 64 && set != t.all() {
		return t.update(t.all())
	}
	var b strings.Builder
	b.WriteString("UPDATE " + t.name + " SET rev = ?, body = ?")
	for i, ix := range t.c.Indexes {
		if set&(1<<i) != 0 {
			b.WriteString(", " + column(ix.Name) + " = ?")
		}
	}
	b.WriteString(" WHERE id = ?")
	t.updates[set] = b.String()
	return t.updates[set], set
}

// ordered tells whether the walk is in the order of one column alone: the ids,
// or values of which each occurs once. Otherwise (value, id) orders it.
func (t *table) ordered(index int) bool { return index < 0 || t.c.Indexes[index].Unique }

// walk finds the statement that walks an index (-1: the ids), for whole documents or
// for their names only.
func (t *table) walk(index int, desc, names bool) string {
	i := 2 * (index + 1)
	if desc {
		i++
	}
	if names {
		return t.names[i]
	}
	return t.walks[i]
}

// walkText makes the statements of which read.go binds the limits. Each is one
// range of one index, already in order, so SQLite neither sorts nor skips;
// plan_test.go asks it. A value that is NULL lies in no range.
func (t *table) walkText(index int, desc bool, selectText string) string {
	by, order := "id", "id"
	if index >= 0 {
		by = column(t.c.Indexes[index].Name)
		order = by
	}
	down := ""
	if desc {
		down = " DESC"
	}
	var where string
	switch {
	case t.ordered(index):
		where = by + " >= ? AND " + by + " < ?"
		order += down
	case desc:
		where = by + " >= ? AND (" + by + ", id) < (?, ?)"
		order += " DESC, id DESC"
	default:
		where = "(" + by + ", id) > (?, ?) AND " + by + " < ?"
		order += ", id"
	}
	return selectText + " WHERE " + where + " ORDER BY " + order + " LIMIT ?"
}

// read reads one document; nil if there is none.
func (t *table) read(c *conn, k key) (*entry, error) {
	s, err := c.prepare(t.byID)
	if err != nil {
		return nil, err
	}
	if err := c.room(len(k.id)); err != nil {
		return nil, err
	}
	defer s.reset()
	s.bindText(1, k.id)
	if found, err := s.step(); !found || err != nil {
		return nil, err
	}
	return s.entry(k, 0), nil
}

// holder finds the document that holds a value of a unique index; "" if there is
// none.
func (t *table) holder(c *conn, index int, value string) (string, error) {
	s, err := c.prepare(t.holders[index])
	if err != nil {
		return "", err
	}
	if err := c.room(len(value)); err != nil {
		return "", err
	}
	defer s.reset()
	s.bindText(1, value)
	if found, err := s.step(); !found || err != nil {
		return "", err
	}
	return s.text(0), nil
}
