package mobilecert

import (
	"slices"

	"certlink/trust"
)

// Medium is what carries a certificate's key.
type Medium string

// The media.
const (
	Mobile Medium = "mobile" // 移动版: the key lives in a phone app
	UKey   Medium = "ukey"   // 介质版: the key lives on a USB token
)

// Name is a name in both languages.
type Name struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Phone is one of a provider's telephone lines.
type Phone struct {
	LabelZH string `json:"label_zh"`
	LabelEN string `json:"label_en"`
	Number  string `json:"number"`
}

// Driver is where the U-Key driver for an operating system is to be had.
type Driver struct {
	OS  string `json:"os"` // windows, macos, linux
	URL string `json:"url"`
}

// Provider is a certificate authority whose certificates may be bound. It is
// data, read from the catalogue; nothing in the program knows one by name.
type Provider struct {
	ID            string
	NameZH        string
	NameEN        string
	Aliases       []string
	Phones        []Phone
	Media         []Medium
	MediaNames    map[Medium]Name
	Bindable      bool       // new bindings may be made
	Products      []*Product // its certificates that can be applied for here
	AsksPIN       bool       // its U-Keys ask for a PIN
	Drivers       []Driver
	IdentityCheck bool // the certificate's identity must agree with the account's
	policy        trust.Policy
}

// Offers says whether the provider has certificates on this medium.
func (p *Provider) Offers(m Medium) bool { return slices.Contains(p.Media, m) }

// Available says whether certificates of this medium can be bound now: it is
// offered, and there are anchors to check it against.
func (p *Provider) Available(m Medium) bool {
	return p.Bindable && p.Offers(m) && p.policy.Anchors != nil
}

// numbers are the provider's telephone numbers, for refusals that end in a call.
func (p *Provider) numbers() []string {
	out := make([]string, len(p.Phones))
	for i, ph := range p.Phones {
		out[i] = ph.Number
	}
	return out
}
