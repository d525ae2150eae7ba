package mobilecert

import (
	"time"

	"certlink/trust"
)

// RecordView is a certificate, or one in the making, in the portal's lists.
type RecordView struct {
	ID               string          `json:"id"`
	State            string          `json:"state"` // waiting, declined, active, expired, superseded, revoked
	Product          string          `json:"product"`
	ProductName      Name            `json:"product_name"`
	Provider         ProviderName    `json:"provider"`
	Medium           Medium          `json:"medium"`
	HolderName       string          `json:"holder_name"`
	OrganisationName string          `json:"organisation_name"`
	Account          AccountName     `json:"account"`
	Algorithm        trust.Algorithm `json:"algorithm,omitempty"`
	Serial           string          `json:"serial,omitempty"`
	Fingerprint      string          `json:"fingerprint,omitempty"`
	NotBefore        time.Time       `json:"not_before"`
	NotAfter         time.Time       `json:"not_after"`
	CreatedAt        time.Time       `json:"created_at"`
	WaitingSince     *time.Time      `json:"waiting_since,omitempty"`
	EndedAt          *time.Time      `json:"ended_at,omitempty"`
	Reason           Reason          `json:"reason,omitempty"` // of a revoked one
	Note             string          `json:"note,omitempty"`   // of a declined one: why
	Encryption       *CustodyView    `json:"encryption,omitempty"`
	Acts             []string        `json:"acts"` // what the reader may do with it
}

// AccountName names the account that a certificate was issued for.
type AccountName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// CustodyView tells of an encryption key who made it and whether a copy is kept.
type CustodyView struct {
	Serial   string `json:"serial"`
	Maker    Maker  `json:"maker"`
	Escrowed bool   `json:"escrowed"`
}

func (t *Twin) view() *CustodyView {
	if t == nil {
		return nil
	}
	return &CustodyView{t.Serial, t.Maker, t.Escrowed}
}

// Product finds a product of the table, or nil.
func (v *Certificates) Product(id string) *Product { return v.cfg.Products.find(id) }

// Record renders a certificate for the lists. product may be nil.
func (c *Certificate) Record(cat *Catalogue, product *Product, by Who, now time.Time) RecordView {
	v := RecordView{
		ID: c.ID, State: c.StateAt(now), Product: c.Product, ProductName: Name{c.Product, c.Product}, Provider: cat.NameOf(c.Provider),
		Medium: c.medium(), HolderName: c.Subject.CommonName, OrganisationName: c.Subject.Organisation, Account: AccountName{c.Account.ID, c.Account.Name},
		Fingerprint: c.Fingerprint, NotBefore: c.NotBefore, NotAfter: c.NotAfter, CreatedAt: c.CreatedAt,
		WaitingSince: c.WaitingSince, EndedAt: c.EndedAt, Reason: c.Reason, Encryption: c.Twin.view(), Acts: []string{},
	}
	if product != nil {
		v.ProductName, v.Algorithm = product.Name, product.Algorithm
	}
	if x, err := trust.ParseCertificate(c.DER); err == nil {
		v.Serial = c.Serial
		v.Algorithm, _ = x.Algorithm()
	}
	if c.State == Declined && len(c.History) > 0 {
		v.Note = c.History[len(c.History)-1].Note
	}
	if (c.State == Issued || c.State == Superseded) && by.mayRevoke(c) == nil {
		v.Acts = append(v.Acts, "revoke")
	}
	if c.StateAt(now) == string(Issued) && c.Device != "" && c.Account.ID == by.Account {
		v.Acts = append(v.Acts, "ask_phone") // the phone that holds it can be asked to bind it
	}
	return v
}

func (c *Certificate) medium() Medium {
	if c.Medium == "" {
		return Mobile
	}
	return c.Medium
}
