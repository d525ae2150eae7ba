package mobilecert

import (
	"context"
	"slices"
	"time"

	"certlink/store"
)

// Held is something that a phone has the key of: a certificate that was issued here,
// or a standing binding of another authority's; of a certificate that is bound, both.
type Held struct {
	Certificate *Certificate // nil for another authority's
	Binding     *Binding     // nil where none stands
}

// Owner is whose it is.
func (h Held) Owner() (account, name, organisation string) {
	if c := h.Certificate; c != nil {
		return c.Account.ID, c.Account.Name, c.Account.OrganisationID
	}
	return h.Binding.Account.ID, h.Binding.Account.Name, h.Binding.Account.OrganisationID
}

// Content is the certificate's ContentID, "" while there is none.
func (h Held) Content() string {
	if h.Certificate != nil {
		return h.Certificate.Content
	}
	return h.Binding.Certificate.Content
}

// HeldBy lists what a phone holds, what ended too: its keys decrypt until the last
// opening. A request that waits for its certificate counts, since its key lies there.
func HeldBy(ctx context.Context, c *Certificates, b *Bindings, device string) ([]Held, error) {
	bound, err := b.OfDevice(ctx, device)
	if err != nil {
		return nil, err
	}
	var out []Held
	add := func(cert *Certificate) {
		h := Held{Certificate: cert}
		if i := slices.IndexFunc(bound, func(b *Binding) bool { return cert.Content != "" && b.Certificate.Content == cert.Content }); i >= 0 {
			h.Binding = bound[i]
			bound = slices.Delete(bound, i, i+1)
		}
		out = append(out, h)
	}
	asked, err := c.ListAsked(ctx, device)
	if err != nil {
		return nil, err
	}
	for _, cert := range asked {
		if cert.State == Waiting {
			add(cert)
		}
	}
	for after := store.Cursor(""); ; {
		list, next, err := c.ListByDevice(ctx, device, after, 100)
		if err != nil {
			return nil, err
		}
		for _, cert := range list {
			add(cert)
		}
		if after = next; next == "" {
			break
		}
	}
	for _, other := range bound {
		out = append(out, Held{Binding: other})
	}
	return out, nil
}

// PhonesOfAccount lists the phones that hold, or held, something of an account: the
// one that was used last for it first.
func PhonesOfAccount(ctx context.Context, c *Certificates, b *Bindings, account string) ([]string, error) {
	var out []string
	add := func(device string) {
		if device != "" && !slices.Contains(out, device) {
			out = append(out, device)
		}
	}
	active, err := b.Active(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, x := range active {
		add(x.Device)
	}
	for after := store.Cursor(""); ; {
		list, next, err := c.ListByAccount(ctx, account, after, 100)
		if err != nil {
			return nil, err
		}
		for _, cert := range list {
			if cert.State != Declined {
				add(cert.Device)
			}
		}
		if after = next; next == "" {
			return out, nil
		}
	}
}

// HeldView is one line of what a phone holds.
type HeldView struct {
	ID               string       `json:"id,omitempty"` // of a certificate issued here
	State            string       `json:"state"`
	Provider         ProviderName `json:"provider"`
	HolderName       string       `json:"holder_name"`
	OrganisationName string       `json:"organisation_name"`
	Serial           string       `json:"serial,omitempty"`
	NotAfter         time.Time    `json:"not_after"`
	Account          AccountName  `json:"account"`
	Bound            bool         `json:"bound"`
}

// View renders it.
func (h Held) View(cat *Catalogue, now time.Time) HeldView {
	account, name, _ := h.Owner()
	v := HeldView{Account: AccountName{account, name}, Bound: h.Binding != nil}
	if c := h.Certificate; c != nil {
		v.ID, v.State, v.Provider, v.NotAfter = c.ID, c.StateAt(now), cat.NameOf(c.Provider), c.NotAfter
		v.HolderName, v.OrganisationName = c.Subject.CommonName, c.Subject.Organisation
		if len(c.DER) > 0 {
			v.Serial = c.Serial
		}
		return v
	}
	b := h.Binding.Certificate
	v.State, v.Provider, v.NotAfter = string(Issued), cat.NameOf(h.Binding.Provider), b.NotAfter
	v.HolderName, v.OrganisationName, v.Serial = b.HolderName, b.OrganisationName, b.Serial
	if !now.Before(b.NotAfter.Add(time.Second)) {
		v.State = "expired"
	}
	return v
}
