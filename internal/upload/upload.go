// Package upload keeps files that people hand in: papers, proofs of payment,
// invoices. What a file is goes by its content and never by its name; it is kept
// sealed, in pieces, as documents of the store, so that every server has it and no
// directory of the web does.
package upload

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"certlink/internal/clock"
	"certlink/internal/id"
	"certlink/internal/seal"
	"certlink/store"
)

// MaxSize is the most that one file may have. A document of the store is bounded,
// and so is what a request may make the server hold in memory.
const MaxSize = 10 << 20

// chunk is how much of a file lies in one document.
const chunk = 256 << 10

// File is what is known of a file. Its content is read with Open.
type File struct {
	ID string `json:"id"`
	// Owner is what it belongs to, "application:…", so that what nobody names any
	// more can be found.
	Owner string `json:"owner"`
	Kind  Kind   `json:"kind"`
	Size  int    `json:"size"`
	// SHA256 is of the content, in hex.
	SHA256 string    `json:"sha256"`
	At     time.Time `json:"at"`
	Chunks int       `json:"chunks"`
	// Written is false while the pieces are being written: a crash leaves a file that
	// nobody has been told of, and the sweep takes it away.
	Written bool `json:"written"`
	// Sealed holds the name, in which people put their own.
	Sealed string `json:"sealed"`
	// Name is as the person's machine calls it, with the ending that its kind has.
	Name string `json:"-"`
	// Doubt is when the sweep looks whether the owner names the file; nil once it did.
	Doubt *time.Time `json:"doubt,omitempty"`
}

type piece struct {
	ID   string `json:"id"`
	Data string `json:"data"` // sealed
}

const (
	files  = "uploads"
	pieces = "upload_pieces"
)

// What is kept under seal. A piece is bound to its place, so that two pieces or files
// cannot be exchanged in the database.
var (
	nameField  = seal.In(files, "upload name")
	pieceField = seal.In(pieces, "upload piece")
)

// Sealed lists it.
func Sealed(s store.Store, r *seal.Ring) []seal.Stock {
	return []seal.Stock{seal.StockOf(r, fileRecord(s), filePlaces), seal.StockOf(r, pieceRecord(s), piecePlaces)}
}

var filePlaces seal.Places[File] = func(f *File, visit func(seal.Purpose, *string) error) error {
	return visit(nameField.Of(f.ID), &f.Sealed)
}

var piecePlaces seal.Places[piece] = func(p *piece, visit func(seal.Purpose, *string) error) error {
	return visit(pieceField.Of(p.ID), &p.Data)
}

// Collections declares what the package stores.
func Collections() []store.Collection {
	return []store.Collection{
		fileRecord(nil).Declare(store.Collection{Name: files, Indexes: []store.Index{{Name: "doubt"}, {Name: seal.StaleIndex}}}),
		pieceRecord(nil).Declare(store.Collection{Name: pieces, Indexes: []store.Index{{Name: seal.StaleIndex}}}),
	}
}

func fileRecord(s store.Store) store.Record[File] {
	return store.Record[File]{Store: s, Collection: files,
		ID: func(f *File) string { return f.ID },
		Index: func(f *File) map[string]string {
			ix := map[string]string{seal.StaleIndex: filePlaces.Keys(f)}
			if f.Doubt != nil {
				ix["doubt"] = store.TimeKey(*f.Doubt)
			}
			return ix
		}}
}

func pieceRecord(s store.Store) store.Record[piece] {
	return store.Record[piece]{Store: s, Collection: pieces, ID: func(p *piece) string { return p.ID },
		Index: func(p *piece) map[string]string { return map[string]string{seal.StaleIndex: piecePlaces.Keys(p)} }}
}

// Store keeps files.
type Store struct {
	files  store.Record[File]
	pieces store.Record[piece]
	clock  clock.Clock
	ring   *seal.Ring
	claims map[string]Claim
}

// New opens the store.
func New(s store.Store, c clock.Clock, ring *seal.Ring) *Store {
	return &Store{files: fileRecord(s), pieces: pieceRecord(s), clock: c, ring: ring, claims: map[string]Claim{}}
}

// Put reads a file to its end and keeps it, if it is of one of the kinds and not
// too large. name is what the person's machine calls it.
func (s *Store) Put(ctx context.Context, owner, name string, r io.Reader, kinds ...Kind) (*File, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, ErrEmpty
	case len(data) > MaxSize:
		return nil, ErrTooLarge.With("bytes_most", MaxSize)
	}
	kind, err := accept(data, kinds)
	if err != nil {
		return nil, err
	}
	now := s.clock()
	doubt := now.Add(doubtAfter)
	sum := sha256.Sum256(data)
	f := &File{ID: id.New(), Owner: owner, Kind: kind, Size: len(data), SHA256: hex.EncodeToString(sum[:]), At: now,
		Chunks: (len(data) + chunk - 1) / chunk, Doubt: &doubt, Name: cleanName(name, kind)}
	f.Sealed = s.ring.Seal(nameField.Of(f.ID), []byte(f.Name))
	if err := s.files.Create(ctx, f); err != nil {
		return nil, err
	}
	for n := range f.Chunks {
		at := place(f.ID, n)
		part := data[n*chunk : min((n+1)*chunk, len(data))]
		if err := s.pieces.Create(ctx, &piece{at, s.ring.Seal(pieceField.Of(at), part)}); err != nil {
			return nil, err
		}
	}
	f.Written = true
	return f, s.files.Replace(ctx, f, 1)
}

func place(file string, n int) string { return fmt.Sprintf("%s-%d", file, n) }

// Get tells what is known of a file.
func (s *Store) Get(ctx context.Context, id string) (*File, error) {
	f, _, err := s.files.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !f.Written {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	name, err := s.ring.Open(nameField.Of(f.ID), f.Sealed)
	f.Name = string(name)
	return f, err
}

// Open reads a file. The reader fetches piece after piece and must be closed.
func (s *Store) Open(ctx context.Context, id string) (*File, io.ReadCloser, error) {
	f, err := s.Get(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	return f, &reader{ctx: ctx, store: s, file: f}, nil
}

// Delete removes a file; one that is not there is removed.
func (s *Store) Delete(ctx context.Context, id string) error {
	f, _, err := s.files.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	// The file's own document goes last: as long as it stands, a repeat knows what is
	// still to be done.
	for n := range f.Chunks {
		if err := gone(s.pieces.Store.Delete(ctx, pieces, place(id, n), 0)); err != nil {
			return err
		}
	}
	return gone(s.files.Store.Delete(ctx, files, id, 0))
}

func gone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// cleanName keeps the last part of a name, without what a file system or a header
// could take for something else, and with the ending of the kind.
func cleanName(name string, kind Kind) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.TrimSuffix(name, path.Ext(name))
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(`<>:"|?*/;%`, r) {
			return -1
		}
		return r
	}, name)
	name = strings.Trim(name, ". ")
	if runes := []rune(name); len(runes) > 100 {
		name = string(runes[:100])
	}
	if name == "" {
		name = "file"
	}
	return name + kind.Ending()
}
