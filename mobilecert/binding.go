package mobilecert

import (
	"slices"
	"strconv"
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/store"
	"certlink/trust"
)

// BindingState is where a binding stands.
type BindingState string

// The states.
const (
	Active  BindingState = "active"  // the certificate acts for the account
	Unbound BindingState = "unbound" // ended by the account or its admin; final
)

// nextBinding lists every transition there is.
var nextBinding = map[BindingState][]BindingState{
	Active: {Unbound},
}

// Bound is a certificate as its binding remembers it. The certificate itself is
// in the evidence.
type Bound struct {
	Fingerprint string `json:"fingerprint"`
	// Content is what uniqueness goes by; see trust.Certificate.ContentID.
	Content          string          `json:"content"`
	Serial           string          `json:"serial"`
	Subject          string          `json:"subject"` // ID numbers masked
	HolderName       string          `json:"holder_name,omitempty"`
	OrganisationName string          `json:"organisation_name,omitempty"`
	Algorithm        trust.Algorithm `json:"algorithm"`
	NotBefore        time.Time       `json:"not_before"`
	NotAfter         time.Time       `json:"not_after"`
}

// BoundAccount is the account that a certificate acts for, as it was then.
type BoundAccount struct {
	ID             string `json:"id"`
	Login          string `json:"login"`
	Name           string `json:"name"`
	OrganisationID string `json:"organisation_id"`
	Organisation   string `json:"organisation"`
}

// Binding says that a certificate acts for an account. Its id is that of the
// signed statement, and so of the evidence. It is never deleted.
type Binding struct {
	ID           string       `json:"id"`
	State        BindingState `json:"state"`
	Medium       Medium       `json:"medium"`
	Provider     string       `json:"provider"`
	ProviderName Name         `json:"provider_name"`
	Certificate  Bound        `json:"certificate"`
	// Pair is the encryption twin of the signing certificate (dual certificates):
	// what data for the account is encrypted to. It is set with the proof that
	// both have the same holder, moves and ends with the binding, and never signs.
	// nil where there is no twin.
	Pair *Bound `json:"pair,omitempty"`
	// Elsewhere: the certificate was not issued here, so nobody but its binding knows
	// when it ends.
	Elsewhere bool `json:"elsewhere,omitempty"`
	// Encryption is, of a token, the certificate (DER) that data is encrypted to.
	Encryption []byte `json:"encryption,omitempty"`

	Account   BoundAccount `json:"account"`
	Slot      int          `json:"slot"`             // 1 to Config.BindingsPerAccount
	Device    string       `json:"device,omitempty"` // the phone that signed
	BoundAt   time.Time    `json:"bound_at"`
	BoundBy   Actor        `json:"bound_by"`
	UnboundAt *time.Time   `json:"unbound_at,omitempty"`
	UnboundBy *Actor       `json:"unbound_by,omitempty"`
	History   []Event      `json:"history"`
	effect.Owing
}

func newBinding(s *confirm.Statement, signer confirm.Signer, p *Person, provider *Provider, at time.Time) (*Binding, error) {
	cert := signer.Certificate
	alg, err := cert.Algorithm()
	if err != nil {
		return nil, err
	}
	b := &Binding{
		ID: s.ID, State: Active, Medium: Medium(s.Details["medium"]),
		Provider: provider.ID, ProviderName: Name{provider.NameZH, provider.NameEN},
		Certificate: Bound{
			Fingerprint: cert.Fingerprint(), Content: cert.ContentID(), Serial: cert.SerialHex(),
			Subject:    maskName(cert.Subject(), signer.Identity),
			HolderName: signer.Identity.PersonName, OrganisationName: signer.Identity.OrganisationName,
			Algorithm: alg, NotBefore: cert.NotBefore().UTC(), NotAfter: cert.NotAfter().UTC(),
		},
		Account: BoundAccount{ID: p.ID, Login: p.Login, Name: p.Name, OrganisationID: p.OrganisationID, Organisation: p.Organisation},
		Device:  signer.Device, BoundAt: at, BoundBy: Actor{s.Actor.ID, s.Actor.Name},
	}
	b.happened("binding.created", at, b.BoundBy, s.ID)
	return b, nil
}

// Decrypts says whether the encryption certificate of a U-Key is known, and its key one
// that tokens decrypt with: they agree on no key with P-256.
func (b *Binding) Decrypts() bool {
	alg := b.Certificate.Algorithm
	if b.Pair != nil {
		alg = b.Pair.Algorithm
	}
	return len(b.Encryption) > 0 && alg != trust.ES256
}

// happened writes the history, and owes the audit log and the integrator's
// webhook, in the same write as the change.
func (b *Binding) happened(act string, at time.Time, by Actor, evidence string) {
	b.History = append(b.History, Event{At: at, Act: act, By: by, Evidence: evidence})
	data := map[string]string{
		"act": act, "object": "binding", "id": b.ID, "account": b.Account.ID, "organisation": b.Account.OrganisationID,
		"provider": b.Provider, "certificate": b.Certificate.Fingerprint, "by": by.ID,
	}
	if evidence != "" {
		data["evidence"] = evidence
	}
	b.Owe(effect.New(effect.Audit, at, data), effect.New(effect.Webhook, at, data))
}

// unbind is the transition to unbound. The certificate and the account are free
// again with the same write, since the unique indexes hold active ones only.
func (b *Binding) unbind(at time.Time, by Actor) error {
	allowed := false
	for _, n := range nextBinding[b.State] {
		allowed = allowed || n == Unbound
	}
	if !allowed {
		return ErrBindingNotActive.With("state", string(b.State))
	}
	b.State, b.UnboundAt, b.UnboundBy = Unbound, &at, &by
	b.happened("binding.removed", at, by, "")
	if b.Device != "" { // the holder is told
		b.Owe(effect.New(effect.Push, at, map[string]string{"key": "binding_removed", "binding": b.ID, "device": b.Device, "account": b.Account.ID}))
	}
	return nil
}

var bindingCollection = store.Collection{Name: "bindings", Indexes: []store.Index{
	{Name: "certificate", Unique: true}, // content, while active
	{Name: "slot", Unique: true},        // account and slot, while active
	{Name: "device"},                    // device, while active
	{Name: "pair"},                      // content of the encryption twin, while active
	{Name: "expires"},                   // the term's end, while active, of certificates not issued here
	// The lists, newest last. The bound account's past stands in an index of its
	// own, so that a binding being made costs no entry in it: the active ones are
	// found by their slots.
	{Name: "organisation"}, // organisation, active or past, time, id
	{Name: "past"},         // account, time, id; no longer active
	{Name: effect.Index},
}}

// bindingMemo is room for about a thousand bindings.
const bindingMemo = 2 << 20

// clone copies what is changed in place.
func (b *Binding) clone() *Binding {
	c := *b
	c.History, c.Pending = slices.Clone(b.History), slices.Clone(b.Pending)
	return &c
}

func bindingRecord(s store.Store) store.Record[Binding] {
	return store.Record[Binding]{Store: s, Collection: bindingCollection.Name, Memo: store.NewMemo(bindingMemo, (*Binding).clone).Written(),
		ID: func(b *Binding) string { return b.ID },
		Index: func(b *Binding) map[string]string {
			ix := map[string]string{effect.Index: b.Place()}
			if b.State == Active {
				ix["certificate"] = b.Certificate.Content
				ix["slot"] = slotKey(b.Account.ID, b.Slot)
				ix["device"] = b.Device
				if b.Pair != nil {
					ix["pair"] = b.Pair.Content
				}
				if b.Elsewhere {
					ix["expires"] = store.TimeKey(b.Certificate.NotAfter)
				}
				ix["organisation"] = store.Key(b.Account.OrganisationID, listActive, b.place())
			} else {
				ix["organisation"] = store.Key(b.Account.OrganisationID, listPast, b.place())
				ix["past"] = store.Key(b.Account.ID, b.place())
			}
			return ix
		}}
}

// The halves of an organisation's list.
const (
	listActive = "a"
	listPast   = "p"
)

// place orders the lists: by time, and by id within one moment.
func (b *Binding) place() string { return store.TimeKey(b.BoundAt) + b.ID }

func slotKey(account string, slot int) string { return store.Key(account, strconv.Itoa(slot)) }
