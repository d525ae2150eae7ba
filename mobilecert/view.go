package mobilecert

import (
	"time"

	"certlink/trust"
)

// The forms in which the API shows this package's things. Times are in UTC; DER
// is in base64 (encoding/json writes byte slices so).

// ProviderView is a provider as everybody signed in may see it.
type ProviderView struct {
	ID            string          `json:"id"`
	NameZH        string          `json:"name_zh"`
	NameEN        string          `json:"name_en"`
	Aliases       []string        `json:"aliases"`
	Phones        []Phone         `json:"phones"`
	Media         []Medium        `json:"media"`
	MediaNames    map[Medium]Name `json:"media_names"`
	Bindable      bool            `json:"bindable"`
	Applicable    bool            `json:"applicable"`
	AsksPIN       bool            `json:"asks_pin"`
	Drivers       []Driver        `json:"drivers"`
	Available     map[Medium]bool `json:"available"`
	IdentityCheck bool            `json:"identity_check"`
}

// View renders a provider.
func (p *Provider) View() ProviderView {
	return ProviderView{
		ID: p.ID, NameZH: p.NameZH, NameEN: p.NameEN, Aliases: full(p.Aliases), Phones: full(p.Phones),
		Media: p.Media, MediaNames: p.MediaNames, Bindable: p.Bindable, Applicable: len(p.Products) > 0, AsksPIN: p.AsksPIN,
		Drivers: full(p.Drivers), Available: map[Medium]bool{Mobile: p.Available(Mobile), UKey: p.Available(UKey)}, IdentityCheck: p.IdentityCheck,
	}
}

// full makes an empty list where there is none, so that JSON says [] and not null.
func full[T any](l []T) []T { return append([]T{}, l...) }

// ProviderName is a provider by id and name.
type ProviderName struct {
	ID     string `json:"id"`
	NameZH string `json:"name_zh"`
	NameEN string `json:"name_en"`
}

// NameOf names a provider, also one that has left the catalogue since.
func (c *Catalogue) NameOf(id string) ProviderName {
	if p := c.byID[id]; p != nil {
		return ProviderName{p.ID, p.NameZH, p.NameEN}
	}
	return ProviderName{id, id, id}
}

// ProductView is a product that can be collected.
type ProductView struct {
	ID        string          `json:"id"`
	NameZH    string          `json:"name_zh"`
	NameEN    string          `json:"name_en"`
	Algorithm trust.Algorithm `json:"algorithm"`
	Provider  string          `json:"provider"`
}

// View renders a product.
func (p *Product) View() ProductView {
	return ProductView{p.ID, p.Name.ZH, p.Name.EN, p.Algorithm, p.Provider}
}

// CertificateInfo describes a certificate to its owner. ID numbers in the
// subject are masked.
type CertificateInfo struct {
	Fingerprint      string          `json:"fingerprint"`
	Serial           string          `json:"serial"`
	Subject          string          `json:"subject"`
	HolderName       string          `json:"holder_name"`
	OrganisationName string          `json:"organisation_name"`
	Algorithm        trust.Algorithm `json:"algorithm"`
	NotBefore        time.Time       `json:"not_before"`
	NotAfter         time.Time       `json:"not_after"`
	// ID and State are of a certificate issued here, where that is asked.
	ID    string `json:"id,omitempty"`
	State string `json:"state,omitempty"`
}

func (b *Bound) info() CertificateInfo {
	return CertificateInfo{b.Fingerprint, b.Serial, b.Subject, b.HolderName, b.OrganisationName, b.Algorithm, b.NotBefore, b.NotAfter, "", ""}
}

// AccountView and OrganisationView name the account that a certificate acts for.
type AccountView struct {
	ID    string `json:"id"`
	Login string `json:"login"`
	Name  string `json:"name"`
}

// OrganisationView names an organisation.
type OrganisationView struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// BindingView is a binding as its account and that organisation's admin see it.
type BindingView struct {
	ID          string           `json:"id"`
	State       BindingState     `json:"state"`
	Medium      Medium           `json:"medium"`
	Provider    ProviderName     `json:"provider"`
	Certificate CertificateInfo  `json:"certificate"`
	Pair        *CertificateInfo `json:"pair,omitempty"`
	// Decrypts: a U-Key whose encryption certificate is known, for a rehearsal.
	Decrypts     bool             `json:"decrypts,omitempty"`
	Account      AccountView      `json:"account"`
	Organisation OrganisationView `json:"organisation"`
	Slot         int              `json:"slot"`
	BoundAt      time.Time        `json:"bound_at"`
	BoundBy      Actor            `json:"bound_by"`
	UnboundAt    *time.Time       `json:"unbound_at,omitempty"`
	UnboundBy    *Actor           `json:"unbound_by,omitempty"`
	Acts         []string         `json:"acts"` // what the reader may do with it
	EvidenceID   string           `json:"evidence_id"`
}

// View renders a binding for one who may read it.
func (b *Binding) View(by Who) BindingView {
	v := BindingView{
		ID: b.ID, State: b.State, Medium: b.Medium,
		Provider:     ProviderName{b.Provider, b.ProviderName.ZH, b.ProviderName.EN},
		Certificate:  b.Certificate.info(),
		Account:      AccountView{b.Account.ID, b.Account.Login, b.Account.Name},
		Organisation: OrganisationView{b.Account.OrganisationID, b.Account.Organisation}, Slot: b.Slot,
		BoundAt: b.BoundAt, BoundBy: b.BoundBy, UnboundAt: b.UnboundAt, UnboundBy: b.UnboundBy,
		Acts: []string{}, EvidenceID: b.ID, Decrypts: b.Decrypts(),
	}
	if b.Pair != nil {
		pair := b.Pair.info()
		v.Pair = &pair
	}
	if len(nextBinding[b.State]) > 0 && by.may(b.Account.ID, b.Account.OrganisationID) == nil {
		v.Acts = append(v.Acts, "unbind")
	}
	return v
}

// BindingResult is what the phone is told of a binding it has confirmed.
type BindingResult struct {
	Kind             string       `json:"kind"`
	ID               string       `json:"id"`
	AccountName      string       `json:"account_name"`
	OrganisationName string       `json:"organisation_name"`
	ProviderName     string       `json:"provider_name"`
	Provider         ProviderName `json:"provider"`
	BoundAt          time.Time    `json:"bound_at"`
}

func resultOfBinding(b *Binding) BindingResult {
	return BindingResult{"binding", b.ID, b.Account.Name, b.Account.Organisation, b.ProviderName.ZH,
		ProviderName{b.Provider, b.ProviderName.ZH, b.ProviderName.EN}, b.BoundAt}
}

// CertificateResult is what the phone gets for having enrolled.
type CertificateResult struct {
	Kind        string   `json:"kind"`
	ID          string   `json:"id"`
	Fingerprint string   `json:"fingerprint"`
	Certificate []byte   `json:"certificate"` // DER
	Chain       [][]byte `json:"chain"`       // DER, from its issuer on
	// Encryption is the other half of a pair.
	Encryption *PhoneEncryption `json:"encryption,omitempty"`
}

// PhoneEncryption is an encryption certificate for the phone that holds its key, or
// gets it in the envelope.
type PhoneEncryption struct {
	Certificate []byte `json:"certificate"`
	Envelope    []byte `json:"envelope,omitempty"`
	Maker       Maker  `json:"maker"`
	Escrowed    bool   `json:"escrowed"`
}

func (t *Twin) forPhone() *PhoneEncryption {
	if t == nil {
		return nil
	}
	return &PhoneEncryption{t.DER, t.Envelope, t.Maker, t.Escrowed}
}

func resultOfCertificate(c *Certificate) CertificateResult {
	return CertificateResult{"certificate", c.ID, c.Fingerprint, c.DER, full(c.Chain), c.Twin.forPhone()}
}

// DirectView is what a program gets for having asked for a certificate.
type DirectView struct {
	ID          string           `json:"id"`
	State       string           `json:"state"` // active, waiting and so on
	Fingerprint string           `json:"fingerprint,omitempty"`
	Certificate []byte           `json:"certificate,omitempty"` // DER
	Chain       [][]byte         `json:"chain"`
	Encryption  *PhoneEncryption `json:"encryption,omitempty"`
}

// Direct renders a certificate for the program that asked for it.
func (c *Certificate) Direct(now time.Time) DirectView {
	v := DirectView{ID: c.ID, State: c.StateAt(now), Fingerprint: c.Fingerprint, Certificate: c.DER, Chain: full(c.Chain)}
	if len(c.DER) > 0 {
		v.Encryption = c.Twin.forPhone()
	}
	return v
}

// PhoneAsked is a request of the phone that has no certificate (yet).
type PhoneAsked struct {
	ID       string       `json:"id"`
	Key      string       `json:"key"`   // public_key_sha256
	State    string       `json:"state"` // waiting, declined
	Provider ProviderName `json:"provider"`
	Holder   string       `json:"holder_name"`
	Since    time.Time    `json:"since"`
	Note     string       `json:"note,omitempty"` // why it was declined
}

// AskedView renders one that waits or was declined.
func (c *Certificate) AskedView(cat *Catalogue) PhoneAsked {
	v := PhoneAsked{c.ID, c.Key, string(c.State), cat.NameOf(c.Provider), c.Subject.CommonName, c.CreatedAt, ""}
	if c.State == Declined {
		v.Note = c.History[len(c.History)-1].Note
	}
	return v
}

// PhoneCertificate is a certificate in the list of the phone that holds its key.
type PhoneCertificate struct {
	ID          string       `json:"id"` // fingerprint
	Certificate []byte       `json:"certificate"`
	Chain       [][]byte     `json:"chain"`
	State       string       `json:"state"` // active, superseded, revoked, expired
	Provider    ProviderName `json:"provider"`
	Account     struct {
		Name         string `json:"name"`
		Organisation string `json:"organisation"`
	} `json:"account"`
	Binding    *PhoneBinding    `json:"binding,omitempty"`
	Encryption *PhoneEncryption `json:"encryption,omitempty"`
}

// PhoneBinding says which account the certificate acts for.
type PhoneBinding struct {
	ID          string    `json:"id"`
	AccountName string    `json:"account_name"`
	BoundAt     time.Time `json:"bound_at"`
}

// PhoneView renders a certificate for its phone. b is its active binding, or nil.
func (c *Certificate) PhoneView(cat *Catalogue, b *Binding, now time.Time) PhoneCertificate {
	v := PhoneCertificate{ID: c.Fingerprint, Certificate: c.DER, Chain: full(c.Chain), State: c.StateAt(now), Provider: cat.NameOf(c.Provider)}
	v.Account.Name, v.Account.Organisation = c.Account.Name, c.Account.Organisation
	v.Encryption = c.Twin.forPhone()
	if b != nil {
		v.Binding = &PhoneBinding{b.ID, b.Account.Name, b.BoundAt}
	}
	return v
}

// CertificateView is a certificate issued here, as the page that began the
// enrolment shows it.
type CertificateView struct {
	ID       string       `json:"id"`
	State    string       `json:"state"`
	Product  string       `json:"product"`
	Provider ProviderName `json:"provider"`
	CertificateInfo
	Encryption *CustodyView `json:"encryption,omitempty"`
}

// View renders a certificate that has been issued.
func (c *Certificate) View(cat *Catalogue, now time.Time) (CertificateView, error) {
	x, err := trust.ParseCertificate(c.DER)
	if err != nil {
		return CertificateView{}, err
	}
	alg, err := x.Algorithm()
	return CertificateView{
		ID: c.ID, State: c.StateAt(now), Product: c.Product, Provider: cat.NameOf(c.Provider),
		CertificateInfo: CertificateInfo{
			Fingerprint: c.Fingerprint, Serial: c.Serial, Subject: maskName(x.Subject(), trust.Identity{}),
			HolderName: c.Subject.CommonName, OrganisationName: c.Subject.Organisation, Algorithm: alg,
			NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		},
		Encryption: c.Twin.view(),
	}, err
}
