package application

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"certlink/internal/upload"
	"certlink/mobilecert"
)

const owner = "application:"

// Attach keeps a paper in its slot, in place of the one before.
func (s *Service) Attach(ctx context.Context, by mobilecert.Who, id string, slot Slot, name string, content io.Reader) (*Application, error) {
	if !slices.Contains(Slots, slot) {
		return nil, ErrSlot
	}
	a, err := s.Read(ctx, by, id)
	if err != nil {
		return nil, err
	}
	if !a.mine(by) {
		return nil, ErrUnknown
	}
	if err := a.may(save); err != nil { // before ten megabytes are written
		return nil, err
	}
	f, err := s.cfg.Uploads.Put(ctx, owner+id, name, content, upload.Papers...)
	if err != nil {
		return nil, err
	}
	// A file whose application does not name it, because this server dies now or the
	// change is refused, is taken away by the sweep of the uploads.
	return s.own(ctx, by, id, func(a *Application, now time.Time, _ mobilecert.Actor) error {
		if err := a.may(save); err != nil {
			return err
		}
		if a.Files == nil {
			a.Files = map[Slot]Attachment{}
		}
		a.Files[slot] = Attachment{f.ID, f.Kind, f.SHA256}
		return nil
	})
}

// Detach empties a slot.
func (s *Service) Detach(ctx context.Context, by mobilecert.Who, id string, slot Slot) (*Application, error) {
	return s.own(ctx, by, id, func(a *Application, _ time.Time, _ mobilecert.Actor) error {
		if err := a.may(save); err != nil {
			return err
		}
		if _, there := a.Files[slot]; !there {
			return ErrSlot
		}
		delete(a.Files, slot)
		return nil
	})
}

// OpenFile reads a paper of an application that the caller has read: as it is now,
// or as it was handed in last.
func (s *Service) OpenFile(ctx context.Context, a *Application, slot Slot, handedIn bool) (*upload.File, io.ReadCloser, error) {
	files := a.Files
	if handedIn {
		files = a.Last().Files
	}
	at, there := files[slot]
	if !there {
		return nil, nil, ErrSlot
	}
	return s.cfg.Uploads.Open(ctx, at.File)
}

// claims tells the sweep of the uploads which files are named: those that are
// attached, and those that a submission was handed in with.
func (s *Service) claims(ctx context.Context, of, file string) (bool, error) {
	a, err := s.Get(ctx, strings.TrimPrefix(of, owner))
	if err != nil {
		return false, err
	}
	named := func(files map[Slot]Attachment) bool {
		for _, f := range files {
			if f.File == file {
				return true
			}
		}
		return false
	}
	return named(a.Files) || slices.ContainsFunc(a.Submissions, func(s Submission) bool { return named(s.Files) }), nil
}
