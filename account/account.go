// Package account knows the people: organisations, their accounts and roles, how
// they sign in, and the phones that act for them.
//
// Every rule that must hold under concurrency is one compare-and-swap on one
// document or one unique index, so any number of servers may share a store.
package account

import (
	"slices"
	"strings"
	"time"

	"certlink/internal/effect"
)

// Role is what an account may do; an account can have several.
type Role string

// The roles, in the words of docs/design.md.
const (
	Admin      Role = "admin"      // 机构管理员: binds for its organisation
	Employee   Role = "employee"   // 其他员工: binds for itself
	Reviewer   Role = "reviewer"   // CA 审核员
	Operator   Role = "operator"   // 运营: runs the installation
	Integrator Role = "integrator" // another system that acts through the API
)

// Roles lists all there are.
var Roles = []Role{Admin, Employee, Reviewer, Operator, Integrator}

// State says whether an account may act.
type State string

// active ⇄ locked, both → closed. Closed is final.
const (
	Active State = "active"
	Locked State = "locked"
	Closed State = "closed"
)

// Account is one person's login; it belongs to one organisation for good.
type Account struct {
	ID             string `json:"id"`
	OrganisationID string `json:"organisation"`
	// Login is unique in the installation, in lower case. Accounts that come
	// from an issuer have "issuer/subject", which no password sign-in accepts.
	Login string `json:"login"`
	// Issuer names the external issuer whose subject ExternalID is; empty means
	// that ExternalID is the organisation's own number for the person.
	Issuer     string `json:"issuer,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	Name       string `json:"name"`
	Roles      []Role `json:"roles"`
	// IDNumber is sealed at rest and opened when the account is read.
	IDNumber string `json:"-"`
	Email    string `json:"email,omitempty"`
	Mobile   string `json:"mobile,omitempty"`
	// Letters is how the account wants to be written to.
	Letters   Letters   `json:"letters,omitzero"`
	State     State     `json:"state"`
	Demo      bool      `json:"demo,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// HasPassword and TOTP say how the account signs in; derived, not stored.
	HasPassword bool `json:"-"`
	TOTP        bool `json:"-"`
}

// Letters is how somebody wants to be written to.
type Letters struct {
	// Off: no reminders and no news; what concerns the account's safety is written all
	// the same.
	Off bool `json:"off,omitempty"`
	// Language is "zh-CN", "en", or "" for both.
	Language string `json:"language,omitempty"`
}

// Has says whether the account has the role.
func (a *Account) Has(r Role) bool { return slices.Contains(a.Roles, r) }

// MaskedMobile is the mobile number as candidates are shown: 138****5678.
func (a *Account) MaskedMobile() string {
	n := len(a.Mobile)
	if n < 8 {
		return strings.Repeat("*", n)
	}
	return a.Mobile[:n-8] + "****" + a.Mobile[n-4:]
}

// MaskedEmail is an address as its owner recognises it: w***@example.cn.
func (a *Account) MaskedEmail() string {
	name, host, ok := strings.Cut(a.Email, "@")
	if !ok {
		return ""
	}
	first := []rune(name)
	return string(first[:min(len(first), 1)]) + "***@" + host
}

// Event is one line of an account's history.
type Event struct {
	At   time.Time `json:"at"`
	Act  string    `json:"act"`
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
}

// keepHistory bounds the history inside the document, which is read on every
// confirmation. The audit log, fed by the same writes, keeps all of it.
const keepHistory = 64

// stored is the account's document.
type stored struct {
	Account
	SealedIDNumber string    `json:"id_number,omitempty"`
	Password       string    `json:"password,omitempty"` // argon2id, encoded
	Second         totpState `json:"totp,omitzero"`
	// Epoch rises when all sessions must end: password changed, locked, closed.
	Epoch   int64   `json:"epoch"`
	History []Event `json:"history,omitempty"`
	effect.Owing
}

// memoBytes is room for some thousand decoded accounts, and as many phones.
const memoBytes = 2 << 20

// callersBytes is room for some thousand decoded sessions, and as many API tokens: every
// call reads the one that it comes with.
const callersBytes = 512 << 10

// clone copies what is changed in place.
func (a *stored) clone() *stored {
	c := *a
	c.Roles, c.History, c.Pending = slices.Clone(a.Roles), slices.Clone(a.History), slices.Clone(a.Pending)
	return &c
}

// happened writes the act into the history and owes it to the audit log, in the
// same write as the act itself. The note stays in the history: it may be personal.
func (a *stored) happened(at time.Time, by *Principal, act, note string, data map[string]string) {
	a.UpdatedAt = at
	a.History = append(a.History, Event{At: at, Act: act, By: by.ID(), Note: note})
	if n := len(a.History); n > keepHistory {
		a.History = slices.Clone(a.History[n-keepHistory:])
	}
	all := map[string]string{"act": act, "object": "account", "id": a.ID, "account": a.ID, "organisation": a.OrganisationID, "by": by.ID()}
	for k, v := range data {
		all[k] = v
	}
	a.Owe(effect.New(effect.Audit, at, all))
}
