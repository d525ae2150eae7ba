package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"

	"certlink/internal/form"
)

// Record is a typed view on one collection: the stored form of a T. Domain
// packages use it instead of handling bodies by hand.
type Record[T any] struct {
	Store      Store
	Collection string
	// ID and Index derive the document's id and index values from the value,
	// so that the two can never disagree.
	ID    func(*T) string
	Index func(*T) map[string]string
	// Memo, where there is one, spares decoding the same document again.
	Memo *Memo[T]
}

// Declare completes the declaration of the collection: its index values follow from
// what is stored.
func (r Record[T]) Declare(c Collection) Collection {
	c.Derive = func(d Doc) (map[string]string, error) {
		v, err := r.decode(d)
		if err != nil || r.Index == nil {
			return nil, err
		}
		return r.Index(v), nil
	}
	return c
}

// Get reads one value and the revision it was read at.
func (r Record[T]) Get(ctx context.Context, id string) (*T, int64, error) {
	get := r.Store.Get
	if p, ok := r.Store.(Peeker); ok {
		get = p.Peek // it is only decoded, and a memo keeps it unchanged
	}
	d, err := get(ctx, r.Collection, id)
	if err != nil {
		return nil, 0, err
	}
	v, err := r.read(d)
	return v, d.Rev, err
}

// Create writes a new value.
func (r Record[T]) Create(ctx context.Context, v *T) error {
	d, err := r.encode(v, 0)
	if err != nil {
		return err
	}
	return r.Store.Create(ctx, r.Collection, d)
}

// Replace writes v over the revision it was read at.
func (r Record[T]) Replace(ctx context.Context, v *T, rev int64) error {
	d, err := r.encode(v, rev)
	if err != nil {
		return err
	}
	return r.Store.Replace(ctx, r.Collection, d)
}

// ErrUnchanged, returned by the function given to Update, ends it without a
// write and without an error.
var ErrUnchanged = errors.New("store: nothing to change")

// Update reads, lets change decide on the value, and writes by
// compare-and-swap, again from the read when another writer was faster. The
// error of change ends it and is returned as it is. change may be called
// several times and must have no effect besides the value.
func (r Record[T]) Update(ctx context.Context, id string, change func(*T) error) (*T, error) {
	for {
		v, rev, err := r.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		if err := change(v); err != nil {
			if errors.Is(err, ErrUnchanged) {
				return v, nil
			}
			return v, err
		}
		err = r.Replace(ctx, v, rev)
		if !errors.Is(err, ErrConflict) {
			return v, err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// Query reads one page.
func (r Record[T]) Query(ctx context.Context, q Query) ([]*T, Cursor, error) {
	docs, next, err := r.query(ctx, q)
	if err != nil {
		return nil, "", err
	}
	out := make([]*T, len(docs))
	for i, d := range docs {
		// A page is looked up in the memo, but not put into it: one long list would
		// push out all that is in use.
		if r.Memo != nil {
			if out[i] = r.Memo.get(d.ID, d.Body); out[i] != nil {
				continue
			}
		}
		if out[i], err = r.decode(d); err != nil {
			return nil, "", err
		}
	}
	return out, next, nil
}

// Walk hands all that q finds to do, reading q.Limit at a time, and ends with the
// first error.
func (r Record[T]) Walk(ctx context.Context, q Query, do func(*T) error) error {
	for {
		list, next, err := r.Query(ctx, q)
		if err != nil {
			return err
		}
		for _, v := range list {
			if err := do(v); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		q.After = next
	}
}

func (r Record[T]) query(ctx context.Context, q Query) ([]Doc, Cursor, error) {
	if p, ok := r.Store.(Peeker); ok {
		return p.PeekQuery(ctx, r.Collection, q)
	}
	return r.Store.Query(ctx, r.Collection, q)
}

// First reads the first value that q finds, or ErrNotFound.
func (r Record[T]) First(ctx context.Context, q Query) (*T, int64, error) {
	q.Limit = 1
	docs, _, err := r.query(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	if len(docs) == 0 {
		return nil, 0, ErrNotFound
	}
	v, err := r.read(docs[0])
	return v, docs[0].Rev, err
}

// Last reads the last value, in the order of a compound index, whose Key begins with
// these pieces and has more, or ErrNotFound.
func (r Record[T]) Last(ctx context.Context, index string, pieces ...string) (*T, int64, error) {
	p, ok := r.Store.(Peeker)
	if !ok {
		return r.First(ctx, Query{Index: index, Prefix: KeyPrefix(pieces...), Desc: true})
	}
	d, err := p.PeekLast(ctx, r.Collection, index, pieces...)
	if err != nil {
		return nil, 0, err
	}
	v, err := r.read(d)
	return v, d.Rev, err
}

// Equal is the Query for one exact value of an index.
func Equal(index, value string) Query {
	return Query{Index: index, From: value, Below: value + "\x00"}
}

func (r Record[T]) encode(v *T, rev int64) (Doc, error) {
	body, err := json.Marshal(v, form.Stored)
	if err != nil {
		return Doc{}, fmt.Errorf("store: %s: %w", r.Collection, err)
	}
	d := Doc{ID: r.ID(v), Rev: rev, Body: body, Given: true}
	if r.Index != nil {
		d.Index = r.Index(v)
	}
	if r.Memo != nil && r.Memo.written {
		r.Memo.put(d.ID, body, v, false)
	}
	return d, nil
}

// read decodes a document, or finds what it decoded to before.
func (r Record[T]) read(d Doc) (*T, error) {
	if r.Memo == nil {
		return r.decode(d)
	}
	if v := r.Memo.get(d.ID, d.Body); v != nil {
		return v, nil
	}
	v, err := r.decode(d)
	if err == nil {
		r.Memo.put(d.ID, d.Body, v, true)
	}
	return v, err
}

func (r Record[T]) decode(d Doc) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(d.Body, v, form.Stored); err != nil {
		return nil, fmt.Errorf("store: %s/%s cannot be read: %w", r.Collection, d.ID, err)
	}
	return v, nil
}
