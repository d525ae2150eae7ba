package application

import (
	"context"
	"errors"
	"slices"
	"time"

	"certlink/internal/upload"
	"certlink/mobilecert"
	"certlink/mobilecert/identity"
)

// Summary is an application in a list: no number, no address, nothing sealed.
type Summary struct {
	ID           string                      `json:"id"`
	Number       string                      `json:"number"`
	State        State                       `json:"state"`
	Product      string                      `json:"product"`
	ProductName  mobilecert.Name             `json:"product_name"`
	Provider     mobilecert.ProviderName     `json:"provider"`
	Medium       mobilecert.Medium           `json:"medium"`
	Holder       string                      `json:"holder"`
	Organisation string                      `json:"organisation"`
	Account      mobilecert.Actor            `json:"account"`
	Of           mobilecert.OrganisationView `json:"account_organisation"`
	AmountFen    int64                       `json:"amount_fen"`
	Order        string                      `json:"order,omitempty"`
	PaidAt       *time.Time                  `json:"paid_at,omitempty"`
	WaitsFor     string                      `json:"waits_for,omitempty"`
	Submitted    int                         `json:"submitted"` // how often
	CreatedAt    time.Time                   `json:"created_at"`
	Since        time.Time                   `json:"since"`
	IssuedAt     *time.Time                  `json:"issued_at,omitempty"`
	ErasedAt     *time.Time                  `json:"erased_at,omitempty"` // the personal data
	Certificate  string                      `json:"certificate,omitempty"`
	Acts         []string                    `json:"acts"`
	// HeldBy and Decided are for reviewers.
	HeldBy  *Hold `json:"held_by,omitempty"`
	Decided bool  `json:"decided,omitempty"`
}

// ProofView is what is shown of the identity.
type ProofView struct {
	Way        Way               `json:"way,omitempty"`
	Outcome    identity.State    `json:"outcome,omitempty"`
	VerifiedAt *time.Time        `json:"verified_at,omitempty"`
	VerifiedBy *mobilecert.Actor `json:"verified_by,omitempty"`
}

// FileView is a paper that was handed in.
type FileView struct {
	Slot Slot        `json:"slot"`
	ID   string      `json:"id"`
	Name string      `json:"name"`
	Kind upload.Kind `json:"kind"`
	Size int         `json:"size"`
	At   time.Time   `json:"at"`
}

// View is an application in full, for one who may read it.
type View struct {
	Summary
	Edit     int        `json:"edit"`
	Form     Form       `json:"form"`
	Masked   bool       `json:"masked"` // the form's numbers are
	Doubtful bool       `json:"credit_code_doubtful"`
	Files    []FileView `json:"files"`
	Terms    Acceptance `json:"terms"`
	// TermsNow is the version that must be accepted to hand it in.
	TermsNow string    `json:"terms_now,omitempty"`
	Identity ProofView `json:"identity"`
	Reasons  []Reason  `json:"reasons"`
	Shipment *Shipment `json:"shipment,omitempty"`
	Replaces string    `json:"replaces,omitempty"`
	// Standing is that of its certificate, extensions included.
	Standing *Standing `json:"standing,omitempty"`
	History  []Event   `json:"history"`
	// For reviewers: what is not as it was handed in before, and what is not as the
	// account's records have it.
	Changes  []string  `json:"changes,omitempty"`
	Differs  []string  `json:"differs,omitempty"`
	Decision *Decision `json:"decision,omitempty"`
}

// Reader is how much somebody may see and do.
type Reader int

// The readers.
const (
	Applicant Reader = iota
	OrgAdmin         // sees it, with numbers masked
	Reviewer
)

// Summary renders a line of a list.
func (s *Service) Summary(a *Application, r Reader) Summary {
	v := Summary{
		ID: a.ID, Number: a.Number, State: a.State, Product: a.Product, ProductName: mobilecert.Name{ZH: a.Product, EN: a.Product},
		Provider: s.cfg.Catalogue.NameOf(a.Provider), Medium: a.Medium, Holder: a.Holder, Organisation: a.Organisation,
		Account:   mobilecert.Actor{ID: a.Account.ID, Name: a.Account.Name},
		Of:        mobilecert.OrganisationView{ID: a.Account.OrganisationID, Name: a.Account.Organisation},
		AmountFen: a.Money.AmountFen, Order: a.Money.Order, PaidAt: a.Money.PaidAt, WaitsFor: a.WaitsFor(), Submitted: len(a.Submissions),
		CreatedAt: a.CreatedAt, Since: a.Since, IssuedAt: a.IssuedAt, ErasedAt: a.ErasedAt, Certificate: a.Certificate, Acts: a.acts(r),
	}
	if p, err := s.cfg.Catalogue.Offered(a.Product); err == nil {
		v.ProductName = p.Name
	}
	if r == Reviewer {
		v.Decided = a.Decision != nil
		if a.Hold != nil && s.cfg.Clock().Before(a.Hold.Until) {
			v.HeldBy = a.Hold
		}
	}
	return v
}

// acts names what the reader may do now.
func (a *Application) acts(r Reader) []string {
	out := []string{}
	add := func(name string, x act) {
		if a.may(x) == nil {
			out = append(out, name)
		}
	}
	switch r {
	case Applicant:
		add("edit", save)
		add("submit", submit)
		add("identify", identify)
		add("pay", pay)
		if a.Replaces == "" {
			add("reopen", reopen)
			add("withdraw", withdraw)
		}
		if a.Medium == mobilecert.Mobile {
			add("collect", collect)
		}
	case Reviewer:
		if a.Decision == nil {
			if a.Proof.VerifiedAt == nil {
				add("confirm_identity", confirms)
			} else {
				add("accept", accept)
			}
			add("reject", reject)
		} else {
			out = append(out, "undo")
		}
		if a.Medium == mobilecert.UKey {
			add("ship", ship)
		}
	}
	return out
}

// View renders an application in full.
func (s *Service) View(ctx context.Context, a *Application, r Reader) (*View, error) {
	sealed, files := a.Sealed, a.Files
	if last := a.Last(); r == Reviewer && last != nil { // not what is being typed now
		sealed, files = last.Sealed, last.Files
	}
	f, err := openForm(s.cfg.Seal, a.ID, sealed)
	if err != nil {
		return nil, err
	}
	v := &View{
		Summary: s.Summary(a, r), Edit: a.Edit, Form: *f, Doubtful: f.Doubtful(), Files: []FileView{}, Terms: a.Terms,
		Identity: ProofView{a.Proof.Way, a.Proof.Outcome, a.Proof.VerifiedAt, a.Proof.VerifiedBy},
		Reasons:  append([]Reason{}, a.Reasons...), Shipment: a.Shipment, Replaces: a.Replaces, History: a.History,
	}
	if r == OrgAdmin {
		v.Form, v.Masked = f.Masked(), true
	}
	c, err := s.current(ctx, a)
	if err != nil {
		return nil, err
	}
	if now := s.cfg.Clock(); c != nil {
		v.Standing = &Standing{c.ID, c.StateAt(now), c.NotAfter}
		if r == Applicant && a.may(replace) == nil && replaceable(c, now) {
			v.Acts = append(v.Acts, "replace")
		}
	}
	if p, err := s.cfg.Catalogue.Offered(a.Product); err == nil && p.Offer.Terms.Version != a.Terms.Version {
		v.TermsNow = p.Offer.Terms.Version
	}
	for _, slot := range Slots {
		at, there := files[slot]
		if !there {
			continue
		}
		file, err := s.cfg.Uploads.Get(ctx, at.File)
		if errors.Is(err, upload.ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		v.Files = append(v.Files, FileView{slot, file.ID, file.Name, file.Kind, file.Size, file.At})
	}
	if r == Reviewer {
		v.Decision = a.Decision
		return v, s.compare(ctx, a, f, v)
	}
	return v, nil
}

// compare says what a reviewer should look at first.
func (s *Service) compare(ctx context.Context, a *Application, f *Form, v *View) error {
	if n := len(a.Submissions); n > 1 {
		before, err := openForm(s.cfg.Seal, a.ID, a.Submissions[n-2].Sealed)
		if err != nil {
			return err
		}
		v.Changes = f.changes(before)
		for _, slot := range Slots {
			if a.Submissions[n-1].Files[slot].SHA256 != a.Submissions[n-2].Files[slot].SHA256 {
				v.Changes = append(v.Changes, "files/"+string(slot))
			}
		}
	}
	who, err := s.cfg.People.Person(ctx, a.Account.ID)
	if err != nil {
		return nil // the account is gone; there is nothing to compare with
	}
	for name, pair := range map[string][2]string{
		"organisation": {f.Organisation, who.Organisation}, "credit_code": {f.CreditCode, who.CreditCode},
		"holder": {f.Holder, who.Name}, "id_number": {f.IDNumber, who.IDNumber},
	} {
		if pair[0] != pair[1] && pair[1] != "" {
			v.Differs = append(v.Differs, name)
		}
	}
	slices.Sort(v.Differs)
	return nil
}
