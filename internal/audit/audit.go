// Package audit is the log of acts: who did what to which record, when, from
// where. Entries are made from the effects that stand in the changed document,
// so there is no change without its entry, and none twice.
package audit

import (
	"context"
	"errors"
	"time"

	"certlink/internal/effect"
	"certlink/store"
)

// Entry is one act. It holds ids, never personal data: names are looked up when
// the log is read, and are gone once they have been erased.
type Entry struct {
	ID           string            `json:"id"`
	At           time.Time         `json:"at"`
	Act          string            `json:"act"`
	Organisation string            `json:"organisation,omitempty"`
	Account      string            `json:"account,omitempty"`
	Data         map[string]string `json:"data,omitempty"`
}

const collection = "audit"

// Collections declares what the package stores.
func Collections() []store.Collection {
	return []store.Collection{record(nil).Declare(store.Collection{Name: collection, Indexes: []store.Index{{Name: "at"}, {Name: "organisation"}}})}
}

// Log writes and reads entries.
type Log struct{ entries store.Record[Entry] }

// New opens the log.
func New(s store.Store) *Log { return &Log{record(s)} }

func record(s store.Store) store.Record[Entry] {
	return store.Record[Entry]{Store: s, Collection: collection,
		ID: func(e *Entry) string { return e.ID },
		Index: func(e *Entry) map[string]string {
			ix := map[string]string{"at": store.TimeKey(e.At)}
			if e.Organisation != "" {
				ix["organisation"] = store.Key(e.Organisation, store.TimeKey(e.At))
			}
			return ix
		}}
}

// Carry is the relay's handler for effects of kind effect.Audit.
func (l *Log) Carry(ctx context.Context, e effect.Effect) error {
	entry := &Entry{ID: e.ID, At: e.At, Act: e.Data["act"], Organisation: e.Data["organisation"], Account: e.Data["account"], Data: e.Data}
	if err := l.entries.Create(ctx, entry); err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	return nil
}

// List reads the newest entries first; of one organisation, or of all for "".
func (l *Log) List(ctx context.Context, organisation string, after store.Cursor, limit int) ([]*Entry, store.Cursor, error) {
	q := store.Query{Index: "at", Desc: true, After: after, Limit: limit}
	if organisation != "" {
		q.Index, q.Prefix = "organisation", store.KeyPrefix(organisation)
	}
	return l.entries.Query(ctx, q)
}
