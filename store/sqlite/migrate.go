package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certlink/store"
)

// format is the version of the layout, kept in the file. Format 1 had no journal:
// it is read and becomes format 2, which a program of that time refuses.
const format = "2"

// prepareFile makes the engine's own tables.
func (db *DB) prepareFile(c *conn) error {
	version, err := c.first("PRAGMA user_version")
	if err != nil {
		return err
	}
	if version != "0" && version != "1" && version != format {
		return fmt.Errorf("it has format %s, and this program reads format %s: use the newer program that made it", version, format)
	}
	return c.exec("BEGIN IMMEDIATE",
		"CREATE TABLE IF NOT EXISTS certlink_meta(name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL)",
		"INSERT OR IGNORE INTO certlink_meta(name, value) VALUES('folded', 0)",
		"CREATE TABLE IF NOT EXISTS certlink_feed(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, changes BLOB NOT NULL)",
		"PRAGMA user_version = "+format, "COMMIT")
}

// migrate brings the file to the declared schema, in one transaction: all of it
// or nothing. Collections that are no longer declared stay as they are; an
// index that is no longer declared is removed with its values, so that they
// cannot come back stale.
func (db *DB) migrate(ctx context.Context, c *conn) error {
	if err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for _, coll := range db.schema {
		t := newTable(coll)
		db.tables[coll] = t
		if err := db.migrateTable(ctx, c, t); err != nil {
			return errors.Join(err, c.exec("ROLLBACK"))
		}
	}
	return c.exec("COMMIT")
}

func (db *DB) migrateTable(ctx context.Context, c *conn, t *table) error {
	all, err := c.list("SELECT name FROM pragma_table_info('" + t.name + "')")
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return t.create(c)
	}
	have := slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, "ix_") })
	indexes, err := c.list("SELECT name || ' ' || \"unique\" FROM pragma_index_list('" + t.name + "') WHERE origin = 'c'")
	if err != nil {
		return err
	}
	var want, wantIndexes, added []string
	for _, ix := range t.c.Indexes {
		want = append(want, column(ix.Name))
		wantIndexes = append(wantIndexes, t.indexName(ix)+" "+map[bool]string{true: "1", false: "0"}[ix.Unique])
	}
	for _, ix := range indexes {
		if !slices.Contains(wantIndexes, ix) {
			if err := c.exec(`DROP INDEX "` + strings.Fields(ix)[0] + `"`); err != nil {
				return err
			}
		}
	}
	for _, col := range have {
		if !slices.Contains(want, col) {
			if err := c.exec("ALTER TABLE " + t.name + " DROP COLUMN " + col); err != nil {
				return err
			}
		}
	}
	for _, col := range want {
		if !slices.Contains(have, col) {
			added = append(added, strings.TrimPrefix(col, "ix_"))
			if err := c.exec("ALTER TABLE " + t.name + " ADD COLUMN " + col + " TEXT"); err != nil {
				return err
			}
		}
	}
	if len(added) > 0 {
		if err := db.deriveValues(ctx, c, t, added); err != nil {
			return err
		}
	}
	for i, ix := range t.c.Indexes {
		if slices.Contains(indexes, wantIndexes[i]) {
			continue
		}
		if err := t.createIndex(c, ix); err != nil {
			if uniqueColumn(err) != "" {
				return fmt.Errorf("collection %s: the index %s cannot be made unique, because stored documents share a value", t.c.Name, ix.Name)
			}
			return err
		}
	}
	return nil
}

// create makes a table that is not there, its columns all at once: to add them one by
// one costs the database a look at its whole schema for each.
func (t *table) create(c *conn) error {
	columns := "id TEXT PRIMARY KEY NOT NULL, rev INTEGER NOT NULL, body BLOB NOT NULL"
	for _, ix := range t.c.Indexes {
		columns += ", " + column(ix.Name) + " TEXT"
	}
	if err := c.exec("CREATE TABLE " + t.name + "(" + columns + ")"); err != nil {
		return err
	}
	for _, ix := range t.c.Indexes {
		if err := t.createIndex(c, ix); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) createIndex(c *conn, ix store.Index) error {
	kind, columns := "INDEX", column(ix.Name)+", id"
	if ix.Unique {
		kind, columns = "UNIQUE INDEX", column(ix.Name)
	}
	return c.exec("CREATE " + kind + ` "` + t.indexName(ix) + `" ON ` + t.name + "(" + columns + ")")
}

// indexName cannot be confused with another collection's: a dot is in no name.
func (t *table) indexName(ix store.Index) string { return t.c.Name + "." + ix.Name }

// deriveValues fills new columns from the documents there are.
func (db *DB) deriveValues(ctx context.Context, c *conn, t *table, added []string) error {
	if n, err := c.first("SELECT count(*) FROM (SELECT 1 FROM " + t.name + " LIMIT 1)"); err != nil || n == "0" {
		return err
	}
	if t.c.Derive == nil {
		return fmt.Errorf("collection %s holds documents that lack the new index %s; nothing says how their values follow from them", t.c.Name, strings.Join(added, ", "))
	}
	set := "rev = rev"
	for _, ix := range t.c.Indexes {
		set += ", " + column(ix.Name) + " = ?"
	}
	after := ""
	for {
		page, err := t.page(c, after)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, d := range page {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			after = d.ID
			byName, err := t.c.Derive(d)
			if err != nil {
				return fmt.Errorf("the index values of %s/%s cannot be derived: %w", t.c.Name, d.ID, err)
			}
			values, err := t.c.Values(byName)
			if err != nil {
				return err
			}
			if err := t.setValues(c, "UPDATE "+t.name+" SET "+set+" WHERE id = ?", d.ID, values); err != nil {
				return err
			}
		}
	}
}

// page reads some documents without their values, by id.
func (t *table) page(c *conn, after string) (docs []store.Doc, err error) {
	s, err := c.prepare("SELECT id, rev, body FROM " + t.name + " WHERE id > ? ORDER BY id LIMIT 500")
	if err != nil {
		return nil, err
	}
	if err := c.room(len(after)); err != nil {
		return nil, err
	}
	defer s.reset()
	s.bindText(1, after)
	for {
		more, err := s.step()
		if !more || err != nil {
			return docs, err
		}
		docs = append(docs, store.Doc{ID: s.text(0), Rev: s.int(1), Body: s.blob(2)})
	}
}

func (t *table) setValues(c *conn, sql, id string, values []string) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	o := op{entry: entry{key: key{id: id}, values: values}}
	if err := c.room(o.length()); err != nil {
		return err
	}
	for i, v := range values {
		s.bindValue(1+i, v)
	}
	s.bindText(1+len(values), id)
	_, err = s.run()
	if column := uniqueColumn(err); column != "" {
		return fmt.Errorf("collection %s: two documents would share a value of the unique index %s, one of them %s", t.c.Name, strings.TrimPrefix(column, "ix_"), id)
	}
	return err
}
