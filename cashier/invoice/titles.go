package invoice

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/internal/retain"
	"certlink/internal/seal"
	"certlink/store"
)

// TitlesMost is how many titles an organisation can save (最多可添加5条发票信息).
const TitlesMost = 5

// titles are those of one organisation, in one document, so that five stays five
// however many add at once. They are sealed.
type titles struct {
	Organisation string  `json:"organisation"`
	Titles       []entry `json:"titles"`
	// Recipients are what each account gave last, to be filled in again.
	Recipients map[string]remembered `json:"recipients,omitempty"`
	effect.Owing
}

type entry struct {
	ID     string    `json:"id"`
	Sealed string    `json:"sealed"`
	UsedAt time.Time `json:"used_at"`
}

type remembered struct {
	Sealed string    `json:"sealed"`
	UsedAt time.Time `json:"used_at"`
}

func titlesRecord(s store.Store) store.Record[titles] {
	return store.Record[titles]{Store: s, Collection: titlesCollection.Name, ID: func(t *titles) string { return t.Organisation },
		Index: func(t *titles) map[string]string {
			ix := map[string]string{seal.StaleIndex: titlesPlaces.Keys(t), retain.Index: t.waits()}
			ix[effect.Index] = t.Place()
			return ix
		}}
}

// What this package keeps under seal.
var (
	titleField     = seal.In("invoice_titles", "invoice title")
	recipientField = seal.In("invoice_titles", "invoice recipient")
	invoiceField   = seal.In("invoices", "invoice")
)

// Sealed lists it.
func Sealed(s store.Store, r *seal.Ring) []seal.Stock {
	return []seal.Stock{seal.StockOf(r, record(s), invoicePlaces), seal.StockOf(r, titlesRecord(s), titlesPlaces)}
}

var invoicePlaces seal.Places[Invoice] = func(v *Invoice, visit func(seal.Purpose, *string) error) error {
	return visit(invoiceField.Of(v.ID), &v.Sealed)
}

var titlesPlaces seal.Places[titles] = func(d *titles, visit func(seal.Purpose, *string) error) error {
	for i, e := range d.Titles {
		if err := visit(titleField.Of(d.Organisation, e.ID), &d.Titles[i].Sealed); err != nil {
			return err
		}
	}
	for account, r := range d.Recipients {
		if err := visit(recipientField.Of(account), &r.Sealed); err != nil {
			return err
		}
		d.Recipients[account] = r
	}
	return nil
}

// Titles lists the saved ones, in the order in which they were added.
func (s *Service) Titles(ctx context.Context, organisation string) ([]Title, error) {
	doc, _, err := s.titles.Get(ctx, organisation)
	if errors.Is(err, store.ErrNotFound) {
		return []Title{}, nil
	}
	if err != nil {
		return nil, err
	}
	out := make([]Title, len(doc.Titles))
	for i, e := range doc.Titles {
		raw, err := s.cfg.Seal.Open(titleField.Of(organisation, e.ID), e.Sealed)
		if err == nil {
			err = json.Unmarshal(raw, &out[i])
		}
		if err != nil {
			return nil, err
		}
		out[i].ID = e.ID
	}
	return out, nil
}

func (s *Service) title(ctx context.Context, organisation, title string) (Title, error) {
	list, err := s.Titles(ctx, organisation)
	if err != nil {
		return Title{}, err
	}
	i := slices.IndexFunc(list, func(t Title) bool { return t.ID == title })
	if i < 0 {
		return Title{}, ErrTitleUnknown
	}
	return list[i], nil
}

// AddTitle saves one more, up to five.
func (s *Service) AddTitle(ctx context.Context, organisation string, t Title) (Title, error) {
	if err := t.check(); err != nil {
		return t, err
	}
	t.ID = id.New()
	e, err := s.entry(organisation, t)
	if err != nil {
		return t, err
	}
	return t, s.changeTitles(ctx, organisation, func(d *titles) error {
		if len(d.Titles) >= TitlesMost {
			return ErrTitles
		}
		d.Titles = append(d.Titles, e)
		return nil
	})
}

// EditTitle changes one. Invoices that were applied for keep it as it was.
func (s *Service) EditTitle(ctx context.Context, organisation string, t Title) (Title, error) {
	if err := t.check(); err != nil {
		return t, err
	}
	e, err := s.entry(organisation, t)
	if err != nil {
		return t, err
	}
	return t, s.changeTitles(ctx, organisation, func(d *titles) error {
		i := slices.IndexFunc(d.Titles, func(e entry) bool { return e.ID == t.ID })
		if i < 0 {
			return ErrTitleUnknown
		}
		d.Titles[i] = e
		return nil
	})
}

// RemoveTitle makes room for another one.
func (s *Service) RemoveTitle(ctx context.Context, organisation, title string) error {
	return s.changeTitles(ctx, organisation, func(d *titles) error {
		before := len(d.Titles)
		d.Titles = slices.DeleteFunc(d.Titles, func(e entry) bool { return e.ID == title })
		if len(d.Titles) == before {
			return ErrTitleUnknown
		}
		return nil
	})
}

func (s *Service) entry(organisation string, t Title) (entry, error) {
	raw, err := json.Marshal(t)
	return entry{t.ID, s.cfg.Seal.Seal(titleField.Of(organisation, t.ID), raw), s.cfg.Clock()}, err
}

// changeTitles makes the organisation's document where there is none yet.
func (s *Service) changeTitles(ctx context.Context, organisation string, change func(*titles) error) error {
	for {
		_, err := s.titles.Update(ctx, organisation, change)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err := s.titles.Create(ctx, &titles{Organisation: organisation}); err != nil && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
}

// remember keeps an account's recipient for its next invoice, and that the title was
// used.
func (s *Service) remember(ctx context.Context, organisation, account, title string, r Recipient) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	kept := remembered{s.cfg.Seal.Seal(recipientField.Of(account), raw), s.cfg.Clock()}
	return s.changeTitles(ctx, organisation, func(d *titles) error {
		if d.Recipients == nil {
			d.Recipients = map[string]remembered{}
		}
		d.Recipients[account] = kept
		if i := slices.IndexFunc(d.Titles, func(e entry) bool { return e.ID == title }); i >= 0 {
			d.Titles[i].UsedAt = kept.UsedAt
		}
		return nil
	})
}

// Remembered is what an account gave last; empty for nothing.
func (s *Service) Remembered(ctx context.Context, organisation, account string) (r Recipient, err error) {
	d, _, err := s.titles.Get(ctx, organisation)
	if errors.Is(err, store.ErrNotFound) || err == nil && d.Recipients[account].Sealed == "" {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	raw, err := s.cfg.Seal.Open(recipientField.Of(account), d.Recipients[account].Sealed)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(raw, &r)
}
