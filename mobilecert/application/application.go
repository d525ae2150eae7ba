// Package application is 申领: how somebody comes by a certificate. It knows the form,
// who has to act next, what was accepted and paid, and what a reviewer decided; it
// does not know how faces are checked, how money arrives or how keys are signed.
//
// An application is one document. What happens to it is an act of the table in
// acts.go, carried out by one function; what follows elsewhere (a refund, a message,
// an entry in the log) is owed in the same write.
package application

import (
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/upload"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
)

// State is where an application stands.
type State string

// The states, in the manual's words, with who acts next.
const (
	Draft     State = "draft"     // 填写资料: the applicant
	Identity  State = "identity"  // 待认证: the applicant, or the face check
	Payment   State = "payment"   // 待支付: the applicant
	Review    State = "review"    // 待审核: a reviewer
	Rejected  State = "rejected"  // 审核未通过: the applicant
	Making    State = "making"    // 审核通过，待制证: the phone, or the authority
	Issued    State = "issued"    // 审核通过，已发证: nobody
	Withdrawn State = "withdrawn" // 已撤回: nobody; final
)

// States lists them in the order of the course.
var States = []State{Draft, Identity, Payment, Review, Rejected, Making, Issued, Withdrawn}

// Acceptance is who accepted which version of the terms, and when.
type Acceptance struct {
	Version string           `json:"version"`
	At      time.Time        `json:"at"`
	By      mobilecert.Actor `json:"by"`
}

// Way is how the holder's identity is verified.
type Way string

// The ways. Papers by mail and showing them on site are confirmed by a reviewer.
const (
	Face   Way = "face"
	Mail   Way = "mail"
	OnSite Way = "onsite"
)

// Proof is what is known of the holder's identity.
type Proof struct {
	Way Way `json:"way,omitempty"`
	// Holder is the name and number that it is about, sealed: another holder must be
	// verified anew.
	Holder     string            `json:"holder,omitempty"`
	Check      string            `json:"check,omitempty"` // the last face check
	Outcome    identity.State    `json:"outcome,omitempty"`
	VerifiedAt *time.Time        `json:"verified_at,omitempty"`
	VerifiedBy *mobilecert.Actor `json:"verified_by,omitempty"` // nil: the face check
}

// Settled says whether the course goes on: the identity is verified, or will be by
// a reviewer.
func (p *Proof) settled() bool { return p.VerifiedAt != nil || p.Way == Mail || p.Way == OnSite }

// Money is what is known of the payment.
type Money struct {
	Order     string     `json:"order,omitempty"` // once one was opened
	AmountFen int64      `json:"amount_fen"`
	PaidAt    *time.Time `json:"paid_at,omitempty"`
}

// Slot is which paper an attachment is.
type Slot string

// The papers.
const (
	Licence       Slot = "licence"       // 营业执照
	Authorisation Slot = "authorisation" // 授权书
)

// Slots lists them; all are needed.
var Slots = []Slot{Licence, Authorisation}

// Attachment is a paper handed in. Its name lies sealed in the upload store.
type Attachment struct {
	File   string      `json:"file"`
	Kind   upload.Kind `json:"kind"`
	SHA256 string      `json:"sha256"`
}

// Submission is what was handed in at a time, so that a reviewer sees what has
// changed since.
type Submission struct {
	N      int                 `json:"n"`
	At     time.Time           `json:"at"`
	Sealed string              `json:"sealed"`
	Files  map[Slot]Attachment `json:"files"`
}

// Shipment is how a U-Key goes to its holder.
type Shipment struct {
	Carrier string           `json:"carrier"`
	Number  string           `json:"number,omitempty"`
	At      time.Time        `json:"at"`
	By      mobilecert.Actor `json:"by"`
}

// Application is one. It is never deleted.
type Application struct {
	ID       string            `json:"id"`
	Number   string            `json:"number"` // for people
	State    State             `json:"state"`
	Product  string            `json:"product"`
	Provider string            `json:"provider"`
	Medium   mobilecert.Medium `json:"medium"`
	Account  confirm.Party     `json:"account"`
	// Holder and Organisation are for lists and searches; all else that the person
	// typed is in Sealed.
	Holder       string              `json:"holder,omitempty"`
	Organisation string              `json:"organisation,omitempty"`
	Sealed       string              `json:"sealed"`
	Edit         int                 `json:"edit"` // counts the changes of what was typed
	Files        map[Slot]Attachment `json:"files,omitempty"`
	Terms        Acceptance          `json:"terms"`
	Proof        Proof               `json:"proof"`
	Money        Money               `json:"money"`
	Submissions  []Submission        `json:"submissions,omitempty"`
	// Decision is a reviewer's that can still be undone.
	Decision *Decision `json:"decision,omitempty"`
	// Reasons are those of the last rejection.
	Reasons []Reason `json:"reasons,omitempty"`
	Hold    *Hold    `json:"hold,omitempty"`

	Shipment    *Shipment `json:"shipment,omitempty"`
	Certificate string    `json:"certificate,omitempty"`
	// Replaces is the revoked certificate in whose place another is collected.
	Replaces string `json:"replaces,omitempty"`

	CreatedAt time.Time  `json:"created_at"`
	Since     time.Time  `json:"since"` // in this state
	IssuedAt  *time.Time `json:"issued_at,omitempty"`
	// TouchedAt is when the applicant last typed something.
	TouchedAt *time.Time `json:"touched_at,omitempty"`
	// TermEnds is when the last certificate that came of it ends, as it was when
	// somebody last looked; see Erase.
	TermEnds *time.Time `json:"term_ends,omitempty"`
	ErasedAt *time.Time `json:"erased_at,omitempty"`
	History  []Event    `json:"history"`
	effect.Owing
}

// Event is one line of the history.
type Event struct {
	At   time.Time        `json:"at"`
	Act  string           `json:"act"`
	By   mobilecert.Actor `json:"by"`
	Note string           `json:"note,omitempty"`
}

// Last is the submission that stands, nil before the first.
func (a *Application) Last() *Submission {
	if len(a.Submissions) == 0 {
		return nil
	}
	return &a.Submissions[len(a.Submissions)-1]
}

// WaitsFor is who has to act next.
func (a *Application) WaitsFor() string {
	switch a.State {
	case Draft, Identity, Payment, Rejected:
		return "applicant"
	case Review:
		if a.Proof.VerifiedAt == nil {
			return "papers" // the applicant's, by mail or on site
		}
		return "reviewer"
	case Making:
		if a.Medium == mobilecert.Mobile {
			return "applicant" // collects it
		}
		return "authority"
	}
	return ""
}
