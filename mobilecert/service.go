package mobilecert

import (
	"time"

	"certlink/internal/clock"
	"certlink/internal/seal"
	"certlink/store"
	"certlink/trust"
)

// Config is what the package's services are made of.
type Config struct {
	Store     store.Store
	Clock     clock.Clock
	Seal      *seal.Ring
	Catalogue *Catalogue
	People    People
	// Products are what can be collected, Grants by what, of each kind; both may be nil.
	// The kind is also the member of requests and statements that names a grant.
	Products *Products
	Grants   map[string]Grants
	// Revocation is asked about the encryption certificates of U-Keys; nil where no
	// provider's policy asks for it.
	Revocation trust.Revocation
	// BindingsPerAccount is how many active bindings an account may have; 0 means 1.
	BindingsPerAccount int
	// Own says whether the installation's own authority made a certificate, whoever
	// brings it: its revocations are ours to publish. nil: it has none.
	Own func(*trust.Certificate) bool
}

// Collections declares what this package keeps.
func Collections() []store.Collection {
	return []store.Collection{certificateRecord(nil).Declare(certificateCollection), bindingRecord(nil).Declare(bindingCollection)}
}

// Sealed lists what this package keeps under seal.
func Sealed(s store.Store, r *seal.Ring) []seal.Stock {
	return []seal.Stock{seal.StockOf(r, certificateRecord(s), certificatePlaces)}
}

var certificatePlaces seal.Places[Certificate] = func(c *Certificate, visit func(seal.Purpose, *string) error) error {
	if err := visit(numbersField.Of(c.ID), &c.Sealed); err != nil || c.Twin == nil {
		return err
	}
	return visit(twinField.Of(c.ID), &c.Twin.Sealed)
}

// Event is one line of a document's history.
type Event struct {
	At  time.Time `json:"at"`
	Act string    `json:"act"`
	By  Actor     `json:"by"`
	// Evidence is the id of the signed statement that caused it, "" without one.
	Evidence string `json:"evidence,omitempty"`
	Note     string `json:"note,omitempty"`
}
