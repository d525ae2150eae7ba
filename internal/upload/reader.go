package upload

import (
	"context"
	"io"
)

// reader reads a file piece by piece.
type reader struct {
	ctx   context.Context
	store *Store
	file  *File
	next  int
	held  []byte
	over  bool
}

func (r *reader) Read(p []byte) (int, error) {
	if r.over {
		return 0, io.ErrClosedPipe
	}
	for len(r.held) == 0 {
		if r.next == r.file.Chunks {
			return 0, io.EOF
		}
		at := place(r.file.ID, r.next)
		piece, _, err := r.store.pieces.Get(r.ctx, at)
		if err != nil {
			return 0, err
		}
		if r.held, err = r.store.ring.Open(pieceField.Of(at), piece.Data); err != nil {
			return 0, err
		}
		r.next++
	}
	n := copy(p, r.held)
	r.held = r.held[n:]
	return n, nil
}

func (r *reader) Close() error {
	r.over, r.held = true, nil
	return nil
}
