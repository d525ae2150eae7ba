package renewal

import "context"

// Site is an authority's own site, where the certificates of tokens are extended:
// the holder signs in there, hands in material, waits for the review, and then
// chooses 延期 there a second time. Whatever it tells is asked for again by Status
// before anything is believed.
type Site interface {
	// Begin opens an extension, or finds it open; the renewal's id makes it one.
	Begin(ctx context.Context, r SiteRequest) (*SiteOrder, error)
	// Status tells how an extension stands now.
	Status(ctx context.Context, ref string) (*SiteStatus, error)
	// Notice reads a signed call-back and tells which renewal it is about; ErrNotice
	// refuses one that is not the authority's.
	Notice(header func(name string) string, body []byte) (renewal string, err error)
}

// SiteRequest is what the authority is told.
type SiteRequest struct {
	Renewal     string
	Certificate []byte // DER, of the one to be extended
	Until       string // RFC 3339: the new certificate's last moment
	Back        string // where the site sends the person when done
}

// SiteOrder is an extension at the authority.
type SiteOrder struct {
	Ref string // the authority's name for it
	URL string // where the person goes on
}

// Step is how far an extension at the authority has come.
type Step string

// The steps, with who acts next.
const (
	StepMaterial Step = "material" // the person: hand in material at the authority
	StepReview   Step = "review"   // the authority
	StepApproved Step = "approved" // the person: choose 延期 there a second time
	StepRejected Step = "rejected" // the person: look at the note, begin again
	StepDone     Step = "done"     // there is a new certificate
)

// SiteStatus is what the authority says of an extension.
type SiteStatus struct {
	Step Step
	Note string // of a rejection, for the person
	// Certificate is the new one (DER), with StepDone; it may come later, or on the
	// token only.
	Certificate []byte
}
