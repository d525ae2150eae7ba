package mobilecert

import (
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/retain"
	"certlink/internal/seal"
	"certlink/store"
)

// CertificateState is where a certificate that certlink issues stands.
type CertificateState string

// The states.
const (
	// Issuing: the intent is written (serial, term, name, key), the signature
	// may or may not have been made; nobody outside has seen it.
	Issuing CertificateState = "issuing"
	// Waiting: the request was handed to an authority that has no interface; its
	// certificate will be brought by a reviewer.
	Waiting CertificateState = "waiting"
	// Declined: that authority made none. What entitled to it is free again.
	Declined CertificateState = "declined"
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
	Issuing:    {Issued, Waiting, Declined},
	Waiting:    {Issued, Declined},
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
// of the signed statement that asked for it, or, of one made elsewhere, what
// whoever brought it calls it.
type Certificate struct {
	ID       string           `json:"id"`
	State    CertificateState `json:"state"`
	Provider string           `json:"provider"`
	Product  string           `json:"product"`
	Medium   Medium           `json:"medium,omitempty"` // "" in old records: mobile
	Account  confirm.Party    `json:"account"`
	Device   string           `json:"device,omitempty"` // whose key it is; only this one collects it
	Key      string           `json:"key"`              // SHA-256 of the public key, base64url

	// Foreign: another authority made it; its list of revoked ones is not ours.
	Foreign bool `json:"foreign,omitempty"`
	// Grant is what entitled to it, Replaces the lost one in whose place it is.
	GrantKind string `json:"grant_kind,omitempty"`
	Grant     string `json:"grant,omitempty"`
	Replaces  string `json:"replaces,omitempty"`
	// Predecessor is the certificate that this one extends; KeyKept, that it does
	// so with the same key.
	Predecessor string `json:"predecessor,omitempty"`
	KeyKept     bool   `json:"key_kept,omitempty"`

	// The intent. All of it is decided before anything is signed, so that the
	// certificate made by a repeat is the same in content.
	Serial    string    `json:"serial"` // hex
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Subject   Subject   `json:"subject"`
	// Request is the PKCS#10 of one that another authority is to make.
	Request      []byte     `json:"request,omitempty"`
	WaitingSince *time.Time `json:"waiting_since,omitempty"`
	// Sealed holds the identity numbers, while they are not in a certificate yet.
	Sealed    string    `json:"sealed,omitempty"`
	CreatedAt time.Time `json:"created_at"`

	// What came of it. Fingerprint and Content are trust's names for it.
	DER         []byte     `json:"der,omitempty"`
	Chain       [][]byte   `json:"chain,omitempty"` // from its issuer on
	Fingerprint string     `json:"fingerprint,omitempty"`
	Content     string     `json:"content,omitempty"`
	IssuedAt    *time.Time `json:"issued_at,omitempty"`
	// Twin is the encryption certificate of the pair, nil where there is none.
	Twin *Twin `json:"twin,omitempty"`

	EndedAt *time.Time `json:"ended_at,omitempty"`
	// Reason is why it was revoked.
	Reason Reason `json:"reason,omitempty"`
	// Successor is the issuance that superseded it.
	Successor string `json:"successor,omitempty"`
	// ErasedAt is when it was forgotten whom it was about; see Erase.
	ErasedAt *time.Time `json:"erased_at,omitempty"`
	History  []Event    `json:"history"`
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
	switch to {
	case Issued:
		act = "certificate.issued"
		c.IssuedAt = &at
		if c.Grant != "" {
			c.Owe(effect.New(EffectIssued, at, map[string]string{"grant_kind": c.GrantKind, "grant": c.Grant, "certificate": c.ID}))
		}
		if c.Predecessor != "" {
			c.Owe(effect.New(EffectSupersede, at, map[string]string{"certificate": c.Predecessor, "successor": c.ID}))
		}
	case Waiting:
		c.WaitingSince = &at
	case Declined: // the numbers and the request are of no use any more
		c.EndedAt, c.Sealed, c.Request = &at, "", nil
		if c.Twin != nil {
			c.Twin.Sealed = ""
		}
	case Revoked: // its holder is told, whoever did it
		c.EndedAt = &at
		c.Owe(effect.New(EffectRevoked, at, map[string]string{"certificate": c.ID}))
		c.Owe(effect.New(effect.Push, at, map[string]string{"key": "certificate_revoked", "account": c.Account.ID, "device": c.Device, "certificate": c.ID}))
	default:
		c.EndedAt = &at
	}
	c.History = append(c.History, Event{At: at, Act: act, By: by, Evidence: evidence, Note: note})
	told := c.audit(at, act, by)
	if evidence != "" {
		told.Data["evidence"] = evidence
	}
	c.Owe(told)
	return nil
}

// audit is a line of the log about this certificate.
func (c *Certificate) audit(at time.Time, act string, by Actor) effect.Effect {
	return effect.New(effect.Audit, at, map[string]string{
		"act": act, "object": "certificate", "id": c.ID, "account": c.Account.ID, "organisation": c.Account.OrganisationID,
		"provider": c.Provider, "by": by.ID,
	})
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

// Ends is when its time is over, or was ended.
func (c *Certificate) Ends() time.Time {
	if c.EndedAt != nil && c.EndedAt.Before(c.NotAfter) {
		return *c.EndedAt
	}
	return c.NotAfter
}

// StateAt is the state as people see it: expiry is no event, only time.
func (c *Certificate) StateAt(now time.Time) string {
	if c.State == Issued && !now.Before(c.NotAfter.Add(time.Second)) {
		return "expired"
	}
	return string(c.State)
}

var certificateCollection = store.Collection{Name: "certificates", Indexes: []store.Index{
	{Name: "content", Unique: true},   // finds the document of a certificate
	{Name: "key", Unique: true},       // a key is certified once, ever; but for an extension that keeps it
	{Name: "grant", Unique: true},     // a grant is used once, and once more for each lost phone
	{Name: "successor", Unique: true}, // of which one: a certificate is extended once
	{Name: "waiting"},                 // time, while an authority without an interface has the request
	{Name: "asked"},                   // device and time, while there is a request and no certificate
	{Name: "device"},                  // device and time, once there is something to collect
	{Name: "organisation"},            // organisation and time
	{Name: "account"},                 // account and time
	{Name: "ended"},                   // state and time, when no longer good
	{Name: "expires"},                 // the term's end, while in force
	{Name: "serial"},                  // serial number and issuer, once issued here
	{Name: "twin_key", Unique: true},  // as key, for encryption certificates
	{Name: "twin_serial"},             // as serial
	{Name: seal.StaleIndex},
	{Name: retain.Index}, // while nothing has come of it
	{Name: effect.Index},
}}

func certificateRecord(s store.Store) store.Record[Certificate] {
	return store.Record[Certificate]{Store: s, Collection: certificateCollection.Name,
		ID: func(c *Certificate) string { return c.ID },
		Index: func(c *Certificate) map[string]string {
			ix := map[string]string{
				"account":      store.Key(c.Account.ID, store.TimeKey(c.CreatedAt)),
				"key":          c.keyIndex(),
				"organisation": store.Key(c.Account.OrganisationID, store.TimeKey(c.CreatedAt)),
				effect.Index:   c.Place(),
			}
			ix[seal.StaleIndex], ix[retain.Index] = certificatePlaces.Keys(c), c.waits()
			if c.Twin != nil {
				ix["twin_key"] = c.Twin.Key
			}
			if c.Grant != "" && c.State != Declined {
				ix["grant"] = store.Key(c.Grant, c.Replaces)
			}
			if c.Predecessor != "" && c.State != Declined {
				ix["successor"] = c.Predecessor
			}
			if c.EndedAt != nil {
				ix["ended"] = store.Key(string(c.State), store.TimeKey(*c.EndedAt))
			}
			if c.State == Issued {
				ix["expires"] = store.TimeKey(c.NotAfter)
			}
			switch c.State {
			case Issuing:
			case Waiting:
				ix["waiting"], ix["asked"] = store.TimeKey(*c.WaitingSince), store.Key(c.Device, store.TimeKey(c.CreatedAt))
			case Declined:
				if c.ErasedAt != nil {
					break // nobody's any more
				}
				ix["asked"] = store.Key(c.Device, store.TimeKey(c.CreatedAt))
			default:
				if c.Device != "" {
					ix["device"] = store.Key(c.Device, store.TimeKey(c.CreatedAt))
				}
				ix["content"] = c.Content
				if !c.Foreign {
					ix["serial"] = store.Key(c.Serial, c.issuer())
					if c.Twin != nil {
						ix["twin_serial"] = store.Key(c.Twin.Serial, c.issuer())
					}
				}
			}
			return ix
		}}
}

// keyIndex takes the key for good. An extension may keep its predecessor's: then
// the value tells whose it continues, so that only one can. All values begin with
// the key, by which it is found (see KeyKnown).
func (c *Certificate) keyIndex() string {
	if !c.KeyKept {
		return c.Key
	}
	return store.Key(c.Key, c.Predecessor)
}
