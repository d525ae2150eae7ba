package mobilecert

import "context"

// Grant is what entitles an account to collect one mobile certificate: an
// application that was accepted, or a renewal whose certificate has expired. What the
// certificate will say of its holder stands in it, since that is what was reviewed.
type Grant struct {
	Kind       string // see Config.Grants; whoever asks for a grant knows it
	ID         string
	Product    string // of the table of products
	Account    string
	Subject    Subject
	Person     string // ID number, in clear
	CreditCode string // of the organisation
	// Replaces is the certificate, revoked because its phone was lost, in whose
	// place this one is collected; "" the first time. Whoever gives the grant has
	// had the identity checked anew before it names one.
	Replaces string
}

// Grants finds the grants of one kind. It refuses one of another account, and one that does not
// entitle to anything now, with refusals of its own.
type Grants interface {
	Grant(ctx context.Context, id, account string) (*Grant, error)
}

// EffectIssued is owed when a certificate that was granted has been made. Its
// data are "grant_kind", "grant" and "certificate", both ids.
const EffectIssued = "certificate.issued"
