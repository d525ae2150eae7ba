package mobilecert

import (
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/store"
)

// CertificateState is where a certificate that certlink issues stands.
type CertificateState string

// The states.
const (
	// Issuing: the intent is written (serial, term, name, key), the signature
	// may or may not have been made; nobody outside has seen it.
	Issuing CertificateState = "issuing"
	// Issued: the certificate is stored and may be handed out.
	Issued CertificateState = "active"
	// Superseded: an extension has put another certificate in its place.
	Superseded CertificateState = "superseded"
	// Revoked here, by its holder, an admin or a reviewer.
	Revoked CertificateState = "revoked"
)

// nextCertificate lists every transition there is. A superseded certificate can
// still be revoked: its key may be lost later, and old signatures stay around.
var nextCertificate = map[CertificateState][]CertificateState{
	Issuing:    {Issued},
	Issued:     {Superseded, Revoked},
	Superseded: {Revoked},
}

// Actor is who did something, as the history names them.
type Actor struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Subject is whom a certificate names.
type Subject struct {
	CommonName   string `json:"common_name"`
	Organisation string `json:"organisation,omitempty"`
}

// Certificate is one issuance: the intent, then what came of it. Its id is that
// of the signed statement that asked for it.
type Certificate struct {
	ID       string           `json:"id"`
	State    CertificateState `json:"state"`
	Provider string           `json:"provider"`
	Product  string           `json:"product"`
	Account  confirm.Party    `json:"account"`
	Device   string           `json:"device"` // whose key it is; only this one collects it
	Key      string           `json:"key"`    // SHA-256 of the public key, base64url

	// The intent. All of it is decided before anything is signed, so that the
	// certificate made by a repeat is the same in content.
	Serial    string    `json:"serial"` // hex
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Subject   Subject   `json:"subject"`
	// Sealed holds the identity numbers, while they are not in a certificate yet.
	Sealed    string    `json:"sealed,omitempty"`
	CreatedAt time.Time `json:"created_at"`

	// What came of it. Fingerprint and Content are trust's names for it.
	DER         []byte     `json:"der,omitempty"`
	Chain       [][]byte   `json:"chain,omitempty"` // from its issuer on
	Fingerprint string     `json:"fingerprint,omitempty"`
	Content     string     `json:"content,omitempty"`
	IssuedAt    *time.Time `json:"issued_at,omitempty"`

	EndedAt *time.Time `json:"ended_at,omitempty"`
	// Reason is why it was revoked.
	Reason Reason `json:"reason,omitempty"`
	// Successor is the issuance that superseded it.
	Successor string  `json:"successor,omitempty"`
	History   []Event `json:"history"`
	effect.Owing
}

// move is the one transition function.
func (c *Certificate) move(to CertificateState, at time.Time, by Actor, evidence, note string) error {
	allowed := false
	for _, n := range nextCertificate[c.State] {
		allowed = allowed || n == to
	}
	if !allowed {
		return ErrCertificateState.With("state", string(c.State)).Becausef("%s → %s", c.State, to)
	}
	c.State = to
	act := "certificate." + string(to)
	if to == Issued {
		act = "certificate.issued"
		c.IssuedAt = &at
	} else {
		c.EndedAt = &at
	}
	c.History = append(c.History, Event{At: at, Act: act, By: by, Evidence: evidence, Note: note})
	data := map[string]string{
		"act": act, "object": "certificate", "id": c.ID, "account": c.Account.ID, "organisation": c.Account.OrganisationID,
		"provider": c.Provider, "by": by.ID,
	}
	if evidence != "" {
		data["evidence"] = evidence
	}
	c.Owe(effect.New(effect.Audit, at, data))
	return nil
}

// standing says why a certificate in this state may not sign, nil where it may.
func (s CertificateState) standing() error {
	switch s {
	case Superseded:
		return ErrSuperseded
	case Revoked:
		return ErrRevokedHere
	}
	return nil
}

// StateAt is the state as people see it: expiry is no event, only time.
func (c *Certificate) StateAt(now time.Time) string {
	if c.State == Issued && !now.Before(c.NotAfter.Add(time.Second)) {
		return "expired"
	}
	return string(c.State)
}

var certificateCollection = store.Collection{Name: "certificates", Indexes: []store.Index{
	{Name: "content", Unique: true}, // finds the document of a certificate
	{Name: "key", Unique: true},     // a key is certified once, ever
	{Name: "device"},                // device and time, once there is something to collect
	{Name: "account"},               // account and time
	{Name: "ended"},                 // state and time, when no longer good
	{Name: "serial"},                // serial number and issuer, once issued
	{Name: effect.Index},
}}

func certificateRecord(s store.Store) store.Record[Certificate] {
	return store.Record[Certificate]{Store: s, Collection: certificateCollection.Name,
		ID: func(c *Certificate) string { return c.ID },
		Index: func(c *Certificate) map[string]string {
			ix := map[string]string{
				"account":    store.Key(c.Account.ID, store.TimeKey(c.CreatedAt)),
				effect.Index: owing(&c.Owing),
			}
			// An extension may keep the key, so the superseded one lets go of it;
			// the key of a revoked certificate is never certified again.
			if c.State != Superseded {
				ix["key"] = c.Key
			}
			if c.EndedAt != nil {
				ix["ended"] = store.Key(string(c.State), store.TimeKey(*c.EndedAt))
			}
			if c.State != Issuing {
				ix["content"] = c.Content
				ix["serial"] = store.Key(c.Serial, c.issuer())
				ix["device"] = store.Key(c.Device, store.TimeKey(c.CreatedAt))
			}
			return ix
		}}
}
