package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"certlink/store"
	"certlink/store/internal/engine"
)

// Query reads one page of an index.
func (db *DB) Query(ctx context.Context, collection string, q store.Query) ([]store.Doc, store.Cursor, error) {
	c := db.schema.Of(collection)
	w, err := c.Plan(q)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel, err := begin(ctx)
	if err != nil {
		return nil, "", err
	}
	defer cancel()
	if w.Empty {
		return nil, "", nil
	}
	filter, sort := walk(c, w)
	cur, err := db.shared[c].Find(ctx, filter, options.Find().SetSort(sort).SetLimit(int64(w.Limit+1)).SetBatchSize(int32(w.Limit+1)))
	if err != nil {
		return nil, "", unavailable(err)
	}
	defer cur.Close(ctx)
	var docs []store.Doc
	for cur.Next(ctx) {
		if len(docs) == w.Limit {
			// There is one more than the page holds, so the page has a successor.
			last := docs[len(docs)-1]
			p := engine.Place{ID: last.ID}
			if w.Index >= 0 {
				p.Value = last.Index[q.Index]
			}
			return docs, p.Cursor(), nil
		}
		d, err := decode(c, cur.Current)
		if err != nil {
			return nil, "", unavailable(err)
		}
		docs = append(docs, d)
	}
	if err := cur.Err(); err != nil {
		return nil, "", unavailable(err)
	}
	return docs, "", nil
}

// walk writes a walk as filter and sort. Each is one or two ranges of one index
// in its own order, so MongoDB neither sorts nor skips: the two ranges after a
// place among equal values are merged.
func walk(c *engine.Collection, w engine.Walk) (filter, sort bson.D) {
	beyond, order := "$gt", 1
	if w.Desc {
		beyond, order = "$lt", -1
	}
	by := "_id"
	if w.Index >= 0 {
		by = field(c.Indexes[w.Index].Name)
	}
	sort = bson.D{{Key: by, Value: order}}
	if w.Index >= 0 && !c.Indexes[w.Index].Unique {
		sort = append(sort, bson.E{Key: "_id", Value: order})
	}
	if w.After == nil {
		return bson.D{{Key: by, Value: limits("$gte", w.Low, w.High)}}, sort
	}
	value := w.After.Value
	if w.Index < 0 {
		value = w.After.ID
	}
	inside := value >= w.Low && (w.High == "" || value < w.High)
	rest := limits("$gte", w.Low, w.High) // when the place is before the limits, all of it
	switch {
	case w.Desc && (w.High == "" || value < w.High):
		rest = limits("$gte", w.Low, value)
	case !w.Desc && value >= w.Low:
		rest = limits("$gt", value, w.High)
	}
	if len(sort) == 1 || !inside {
		return bson.D{{Key: by, Value: rest}}, sort
	}
	ties := bson.D{{Key: by, Value: value}, {Key: "_id", Value: bson.D{{Key: beyond, Value: w.After.ID}}}}
	return bson.D{{Key: "$or", Value: bson.A{ties, bson.D{{Key: by, Value: rest}}}}}, sort
}

// limits is the range from low, even if that is "": a text, so that absent
// values are out. An empty high is open.
func limits(from, low, high string) bson.D {
	d := bson.D{{Key: from, Value: low}}
	if high != "" {
		d = append(d, bson.E{Key: "$lt", Value: high})
	}
	return d
}
