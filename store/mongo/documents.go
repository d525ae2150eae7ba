package mongo

import (
	"context"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"certlink/store"
	"certlink/store/internal/engine"
)

func field(index string) string { return "ix_" + index }

// encode is the stored form of a document.
func encode(c *engine.Collection, id string, rev int64, body []byte, values []string) bson.D {
	d := bson.D{{Key: "_id", Value: id}, {Key: "rev", Value: rev}, {Key: "body", Value: bson.Binary{Data: body}}}
	for i, v := range values {
		if v != "" {
			d = append(d, bson.E{Key: field(c.Indexes[i].Name), Value: v})
		}
	}
	return d
}

// decode reads the stored form. raw may be used again by the driver, so all is
// copied. Fields of indexes that are not declared are passed over.
func decode(c *engine.Collection, raw bson.Raw) (store.Doc, error) {
	elements, err := raw.Elements()
	if err != nil {
		return store.Doc{}, err
	}
	var d store.Doc
	for _, e := range elements {
		switch name, v := e.Key(), e.Value(); name {
		case "_id":
			d.ID, _ = v.StringValueOK()
		case "rev":
			d.Rev, _ = v.AsInt64OK()
		case "body":
			_, body, _ := v.BinaryOK()
			d.Body = append(make([]byte, 0, len(body)), body...)
		default:
			index, ok := strings.CutPrefix(name, "ix_")
			if text, isText := v.StringValueOK(); ok && isText && c.Has(index) {
				if d.Index == nil {
					d.Index = map[string]string{}
				}
				d.Index[index] = text
			}
		}
	}
	return d, nil
}

func byID(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }

func byRev(id string, rev int64) bson.D {
	return bson.D{{Key: "_id", Value: id}, {Key: "rev", Value: rev}}
}

// Get reads one document.
func (db *DB) Get(ctx context.Context, collection, id string) (store.Doc, error) {
	c := db.schema.Of(collection)
	ctx, cancel, err := begin(ctx)
	if err != nil {
		return store.Doc{}, err
	}
	defer cancel()
	raw, err := db.strict[c].FindOne(ctx, byID(id)).Raw()
	switch {
	case errors.Is(err, driver.ErrNoDocuments):
		return store.Doc{}, store.ErrNotFound
	case err != nil:
		return store.Doc{}, unavailable(err)
	}
	d, err := decode(c, raw)
	if err != nil {
		return store.Doc{}, unavailable(err)
	}
	return d, nil
}

// Create writes a new document.
func (db *DB) Create(ctx context.Context, collection string, d store.Doc) error {
	return db.write(ctx, collection, d, 1, func(ctx context.Context, c *engine.Collection, stored bson.D) error {
		_, err := db.strict[c].InsertOne(ctx, stored)
		return err
	})
}

// Replace writes a new revision of a document.
func (db *DB) Replace(ctx context.Context, collection string, d store.Doc) error {
	return db.write(ctx, collection, d, d.Rev+1, func(ctx context.Context, c *engine.Collection, stored bson.D) error {
		r, err := db.strict[c].ReplaceOne(ctx, byRev(d.ID, d.Rev), stored)
		if err == nil && r.MatchedCount == 0 {
			return db.explain(ctx, c, d.ID)
		}
		return err
	})
}

// write carries out one write of a whole document, and tells the feed.
func (db *DB) write(ctx context.Context, collection string, d store.Doc, rev int64, do func(context.Context, *engine.Collection, bson.D) error) error {
	c := db.schema.Of(collection)
	if err := c.CheckDoc(d); err != nil {
		return err
	}
	values, err := c.Values(d.Index)
	if err != nil {
		return err
	}
	ctx, cancel, err := begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	stored := encode(c, d.ID, rev, d.Body, values)
	// A duplicate whose holder is gone when it is looked for is no duplicate any
	// more: try again, and not for ever.
	for range 5 {
		if err = do(ctx, c, stored); !driver.IsDuplicateKeyError(err) {
			break
		}
		index, exists, probing := db.duplicate(ctx, c, d.ID, values, err)
		switch {
		case probing != nil:
			err = probing
		case exists && rev == 1:
			// When the id and a value are both taken it is the same thing created
			// again, and the id says so.
			return store.ErrExists
		case index != "":
			return &store.DuplicateError{Collection: c.Name, Index: index}
		default:
			continue
		}
		break
	}
	if err != nil && (errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict)) {
		return err
	}
	// A write whose answer was lost may have happened, so it is told, too.
	if c.Feed {
		db.feed.add(store.Change{Collection: c.Name, ID: strings.Clone(d.ID), Rev: rev})
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Delete removes a document.
func (db *DB) Delete(ctx context.Context, collection, id string, rev int64) error {
	c := db.schema.Of(collection)
	ctx, cancel, err := begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	filter := byID(id)
	if rev != 0 {
		filter = byRev(id, rev)
	}
	r, err := db.strict[c].DeleteOne(ctx, filter)
	if err == nil && r.DeletedCount == 0 {
		err = db.explain(ctx, c, id)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// explain finds out why no document had this id and revision.
func (db *DB) explain(ctx context.Context, c *engine.Collection, id string) error {
	exists, err := has(ctx, db.strict[c], byID(id))
	switch {
	case err != nil:
		return err
	case exists:
		return store.ErrConflict
	default:
		return store.ErrNotFound
	}
}

// duplicate finds out what a duplicate key error is about: whether the id
// exists, and the unique index, if there still is one.
func (db *DB) duplicate(ctx context.Context, c *engine.Collection, id string, values []string, refusal error) (index string, exists bool, err error) {
	if exists, err = has(ctx, db.strict[c], byID(id)); err != nil {
		return "", false, err
	}
	if index, ok := strings.CutPrefix(keyOf(refusal), "ix_"); ok && c.Has(index) {
		return index, exists, nil
	}
	// Some servers do not say which. Ask for each value who holds it.
	for i, v := range values {
		ix := c.Indexes[i]
		if !ix.Unique || v == "" {
			continue
		}
		held, err := has(ctx, db.shared[c], bson.D{{Key: field(ix.Name), Value: v}, {Key: "_id", Value: bson.D{{Key: "$ne", Value: id}}}})
		if err != nil {
			return "", false, err
		}
		if held {
			return ix.Name, exists, nil
		}
	}
	return "", exists, nil
}

// keyOf is the field that a duplicate key error names, if it names one.
func keyOf(err error) string {
	var w driver.WriteException
	if !errors.As(err, &w) || len(w.WriteErrors) == 0 {
		return ""
	}
	pattern, ok := w.WriteErrors[0].Raw.Lookup("keyPattern").DocumentOK()
	if !ok {
		return ""
	}
	first, lookup := pattern.IndexErr(0)
	if lookup != nil {
		return ""
	}
	return first.Key()
}

func has(ctx context.Context, c *driver.Collection, filter bson.D) (bool, error) {
	err := c.FindOne(ctx, filter, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err()
	if errors.Is(err, driver.ErrNoDocuments) {
		return false, nil
	}
	return err == nil, err
}
