package upload

import (
	"context"
	"errors"
	"strings"
	"time"

	"certlink/store"
)

// doubtAfter is when a file is looked after: by then whoever put it has named it in
// a document of its own, or has crashed in between.
const doubtAfter = 24 * time.Hour

// Claim says whether the owner names the file. An owner that is gone names nothing.
type Claim func(ctx context.Context, owner, file string) (bool, error)

// Owners says who to ask about files whose owner begins with kind and a colon. It
// must be called before the sweep runs. Files of owners that nobody speaks for are
// kept.
func (s *Store) Owners(kind string, c Claim) { s.claims[kind] = c }

// Sweep removes files that were never finished, and those that their owner does
// not name a day later.
func (s *Store) Sweep(ctx context.Context) error {
	due, _, err := s.files.Query(ctx, store.Query{Index: "doubt", Below: store.TimeKey(s.clock()), Limit: 64})
	if err != nil {
		return err
	}
	for _, f := range due {
		if err := s.settle(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) settle(ctx context.Context, f *File) error {
	if !f.Written {
		return s.Delete(ctx, f.ID)
	}
	kind, _, _ := strings.Cut(f.Owner, ":")
	if claim := s.claims[kind]; claim != nil {
		named, err := claim(ctx, f.Owner, f.ID)
		if err != nil {
			return err
		}
		if !named {
			return s.Delete(ctx, f.ID)
		}
	}
	_, err := s.files.Update(ctx, f.ID, func(f *File) error {
		f.Doubt = nil
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
