package mobilecert

import (
	"context"
	"errors"

	"certlink/store"
	"certlink/trust"
)

// Bindings knows which certificate acts for which account.
type Bindings struct {
	cfg   Config
	slots int
	docs  store.Record[Binding]
}

// NewBindings makes the service.
func NewBindings(c Config) *Bindings {
	return &Bindings{cfg: c, slots: max(c.BindingsPerAccount, 1), docs: bindingRecord(c.Store)}
}

// Of finds the active binding of a certificate, or nil.
func (v *Bindings) Of(ctx context.Context, cert *trust.Certificate) (*Binding, error) {
	return v.holding(ctx, cert.ContentID())
}

// OfIssued is Of for a certificate issued here.
func (v *Bindings) OfIssued(ctx context.Context, c *Certificate) (*Binding, error) {
	if c.Content == "" {
		return nil, nil
	}
	return v.holding(ctx, c.Content)
}

func (v *Bindings) holding(ctx context.Context, content string) (*Binding, error) {
	b, _, err := v.docs.First(ctx, store.Equal("certificate", content))
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return b, err
}

// Active lists the active bindings of an account, by slot.
func (v *Bindings) Active(ctx context.Context, account string) ([]*Binding, error) {
	list, _, err := v.docs.Query(ctx, store.Query{Index: "slot", Prefix: store.KeyPrefix(account)})
	return list, err
}

// OfDevice lists the active bindings that a phone has signed.
func (v *Bindings) OfDevice(ctx context.Context, device string) ([]*Binding, error) {
	list, _, err := v.docs.Query(ctx, store.Equal("device", device))
	return list, err
}

// holds says whether the phone has signed a binding that stands: then it holds a
// certificate, whichever authority has issued it. And whether one for an account.
func (v *Bindings) holds(ctx context.Context, device, account string) (any, own bool, err error) {
	if device == "" {
		return false, false, nil
	}
	q := store.Equal("device", device)
	q.Limit = 100
	list, _, err := v.docs.Query(ctx, q)
	for _, b := range list {
		any, own = true, own || b.Account.ID == account
	}
	return any, own, err
}

// Get reads a binding, whoever asks.
func (v *Bindings) Get(ctx context.Context, id string) (*Binding, error) {
	b, _, err := v.docs.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrBindingUnknown
	}
	return b, err
}

// Read reads a binding for somebody who may see it.
func (v *Bindings) Read(ctx context.Context, by Who, id string) (*Binding, error) {
	b, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return b, by.may(b.Account.ID, b.Account.OrganisationID)
}

// Unbind ends a binding; allowed to its account and that organisation's admin.
// Doing it again is refused with the state that it is in.
func (v *Bindings) Unbind(ctx context.Context, by Who, id string) (*Binding, error) {
	b, err := v.docs.Update(ctx, id, func(b *Binding) error {
		if err := by.may(b.Account.ID, b.Account.OrganisationID); err != nil {
			return err
		}
		return b.unbind(v.cfg.Clock(), Actor{by.Account, by.Name})
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrBindingUnknown
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// free finds the lowest slot of an account without a binding.
func (v *Bindings) free(ctx context.Context, account string) (int, error) {
	taken, _, err := v.cfg.Store.Query(ctx, bindingCollection.Name,
		store.Query{Index: "slot", Prefix: store.KeyPrefix(account)})
	if err != nil {
		return 0, err
	}
	used := make(map[string]bool, len(taken))
	for _, d := range taken {
		used[d.Index["slot"]] = true
	}
	for slot := 1; slot <= v.slots; slot++ {
		if !used[slotKey(account, slot)] {
			return slot, nil
		}
	}
	return 0, ErrSlotTaken
}

// available refuses a certificate that another binding holds. statement is the
// one that asks: a binding that it has made itself is no hindrance, since acts
// are repeated, and neither is one made since by others if it was ended again.
func (v *Bindings) available(ctx context.Context, cert *trust.Certificate, account, statement string) error {
	b, err := v.Of(ctx, cert)
	if err != nil || b == nil || b.ID == statement {
		return err
	}
	if _, err := v.Get(ctx, statement); err == nil {
		return nil // done long ago; the act will find it
	} else if !errors.Is(err, ErrBindingUnknown) {
		return err
	}
	return conflict(b, account)
}

func conflict(b *Binding, account string) error {
	if b.Account.ID == account {
		return ErrBoundAlready
	}
	return ErrBoundElsewhere
}

// create writes a new binding into the lowest free slot, or finds it written by
// an earlier try of the same statement. The unique indexes decide between
// statements at once, so that one certificate never acts for two accounts, and
// no account has more than its slots.
func (v *Bindings) create(ctx context.Context, b *Binding) (*Binding, error) {
	// Each round that does not end was overtaken by somebody else's success.
	for b.Slot = 1; ; {
		err := v.docs.Create(ctx, b)
		if err == nil {
			return b, nil
		}
		var dup *store.DuplicateError
		if !errors.Is(err, store.ErrExists) && !errors.As(err, &dup) {
			return nil, err
		}
		// A repeat violates the id and the other indexes; the id speaks first.
		done, err := v.Get(ctx, b.ID)
		if err == nil {
			return done, nil
		}
		if !errors.Is(err, ErrBindingUnknown) {
			return nil, err
		}
		other, err := v.holding(ctx, b.Certificate.Content)
		if err != nil {
			return nil, err
		}
		if other != nil {
			return nil, conflict(other, b.Account.ID)
		}
		if b.Slot, err = v.free(ctx, b.Account.ID); err != nil {
			return nil, err
		}
	}
}
