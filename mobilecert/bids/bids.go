// Package bids knows which certificates have encrypted bids whose opening is
// still to come. A bidding system records them here; whoever is about to extend
// such a certificate is stopped and shown them (the guard), and goes on only with
// an acknowledgement that the certificate's holder has signed.
package bids

import (
	"time"

	"certlink/internal/clock"
	"certlink/mobilecert"
	"certlink/store"
)

// Config is what the ledger is made of.
type Config struct {
	Store        store.Store
	Clock        clock.Clock
	Catalogue    *mobilecert.Catalogue
	Certificates *mobilecert.Certificates
	Bindings     *mobilecert.Bindings
	// Grace is how long after its opening an entry that nobody closes still
	// counts: openings are put off. 0 means a week.
	Grace time.Duration
	// Most bounds the open entries of one certificate; 0 means 1000.
	Most int
}

// Ledger is the service.
type Ledger struct {
	cfg        Config
	entries    store.Record[Entry]
	guards     store.Record[Guard]
	rehearsals store.Record[Rehearsal]
}

// New makes the service.
func New(c Config) *Ledger {
	if c.Grace == 0 {
		c.Grace = 7 * 24 * time.Hour
	}
	if c.Most == 0 {
		c.Most = 1000
	}
	return &Ledger{cfg: c, entries: entryRecord(c.Store), guards: guardRecord(c.Store), rehearsals: rehearsalRecord(c.Store)}
}

// Collections declares what this package keeps.
func Collections() []store.Collection {
	return []store.Collection{entryRecord(nil).Declare(entryCollection), guardRecord(nil).Declare(guardCollection),
		rehearsalRecord(nil).Declare(rehearsalCollection)}
}
