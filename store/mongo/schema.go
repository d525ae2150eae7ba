package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"certlink/store"
	"certlink/store/internal/engine"
)

// format is the version of the stored form, kept in the database.
const format = 1

// migrate brings the database to the declared schema. Several servers may do so
// at once: every step gives the same when it is repeated. Collections and fields
// that are no longer declared stay, but their indexes go, so that an index that
// exists is always complete.
func (db *DB) migrate(ctx context.Context) error {
	if err := db.checkFormat(ctx); err != nil {
		return err
	}
	if _, err := db.meta.UpdateOne(ctx, byID("pings"), bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: int64(1)}}}},
		options.UpdateOne().SetUpsert(true)); err != nil && !driver.IsDuplicateKeyError(err) {
		return err
	}
	if _, err := db.feed.c.Indexes().CreateOne(ctx, driver.IndexModel{Keys: bson.D{{Key: "at", Value: 1}}, Options: options.Index().SetName("at")}); err != nil {
		return err
	}
	for _, c := range db.schema {
		if err := db.migrateCollection(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) checkFormat(ctx context.Context) error {
	_, err := db.meta.InsertOne(ctx, bson.D{{Key: "_id", Value: "format"}, {Key: "version", Value: int64(format)}})
	if !driver.IsDuplicateKeyError(err) {
		return err
	}
	raw, err := db.meta.FindOne(ctx, byID("format")).Raw()
	if err != nil {
		return err
	}
	if v, _ := raw.Lookup("version").AsInt64OK(); v != format {
		return fmt.Errorf("the database has format %d, and this program reads format %d: use the newer program that made it", v, format)
	}
	return nil
}

// indexName tells what kind of index it is, so that a change of kind is seen.
func indexName(ix store.Index) string {
	if ix.Unique {
		return "unique_" + ix.Name
	}
	return "by_" + ix.Name
}

func indexModel(ix store.Index) driver.IndexModel {
	o := options.Index().SetName(indexName(ix))
	if ix.Unique {
		return driver.IndexModel{Keys: bson.D{{Key: field(ix.Name), Value: 1}}, Options: o.SetUnique(true).SetSparse(true)}
	}
	// In an index of two fields every document is present; those without a value
	// are where no walk goes.
	return driver.IndexModel{Keys: bson.D{{Key: field(ix.Name), Value: 1}, {Key: "_id", Value: 1}}, Options: o}
}

func (db *DB) migrateCollection(ctx context.Context, c *engine.Collection) error {
	coll := db.strict[c]
	have, err := indexNames(ctx, coll)
	if err != nil {
		return err
	}
	var want, known []string
	for _, ix := range c.Indexes {
		want = append(want, indexName(ix))
	}
	for _, name := range have {
		if base, ours := ourIndex(name); ours {
			known = append(known, base)
			if !slices.Contains(want, name) {
				if err := coll.Indexes().DropOne(ctx, name); err != nil && !indexIsGone(err) {
					return err
				}
			}
		}
	}
	var added []string
	for _, ix := range c.Indexes {
		if !slices.Contains(known, ix.Name) {
			added = append(added, ix.Name)
		}
	}
	if len(added) > 0 {
		if err := db.deriveValues(ctx, c, added); err != nil {
			return err
		}
	}
	for _, ix := range c.Indexes {
		if slices.Contains(have, indexName(ix)) {
			continue
		}
		if _, err := coll.Indexes().CreateOne(ctx, indexModel(ix)); driver.IsDuplicateKeyError(err) {
			return fmt.Errorf("collection %s: the index %s cannot be made unique, because stored documents share a value", c.Name, ix.Name)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// ourIndex is the declared name of an index that this program made.
func ourIndex(name string) (string, bool) {
	if base, ok := strings.CutPrefix(name, "unique_"); ok {
		return base, true
	}
	return strings.CutPrefix(name, "by_")
}

func indexNames(ctx context.Context, coll *driver.Collection) (names []string, err error) {
	specs, err := coll.Indexes().ListSpecifications(ctx)
	var e driver.CommandError
	if errors.As(err, &e) && e.Name == "NamespaceNotFound" {
		return nil, nil // no collection yet
	}
	for _, s := range specs {
		names = append(names, s.Name)
	}
	return names, err
}

func indexIsGone(err error) bool {
	var e driver.CommandError
	return errors.As(err, &e) && (e.Name == "IndexNotFound" || e.Name == "NamespaceNotFound")
}

// deriveValues fills the fields of new indexes in the documents there are. The
// index itself is made afterwards: when this is interrupted, it is done again.
func (db *DB) deriveValues(ctx context.Context, c *engine.Collection, added []string) error {
	any, err := has(ctx, db.strict[c], bson.D{})
	if err != nil || !any {
		return err
	}
	if c.Derive == nil {
		return fmt.Errorf("collection %s holds documents that lack the new index %s; nothing says how their values follow from them", c.Name, strings.Join(added, ", "))
	}
	cur, err := db.shared[c].Find(ctx, bson.D{}, options.Find().SetSort(byID1))
	if err != nil {
		return err
	}
	defer cur.Close(ctx)
	for cur.Next(ctx) {
		d, err := decode(c, cur.Current)
		if err != nil {
			return err
		}
		d.Index = nil
		byName, err := c.Derive(d)
		if err != nil {
			return fmt.Errorf("the index values of %s/%s cannot be derived: %w", c.Name, d.ID, err)
		}
		values, err := c.Values(byName)
		if err != nil {
			return err
		}
		// The revision stays: nothing is decided anew. A document that has been
		// written meanwhile has its values from its writer.
		_, err = db.strict[c].ReplaceOne(ctx, byRev(d.ID, d.Rev), encode(c, d.ID, d.Rev, d.Body, values))
		if driver.IsDuplicateKeyError(err) {
			return fmt.Errorf("collection %s: %s would share a value of a unique index with another document", c.Name, d.ID)
		}
		if err != nil {
			return err
		}
	}
	return cur.Err()
}

var byID1 = bson.D{{Key: "_id", Value: 1}}
