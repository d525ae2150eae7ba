package bids

import (
	"time"

	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/store"
)

// State is where an entry stands.
type State string

// The states.
const (
	Open   State = "open"   // encrypted, and not opened yet
	Closed State = "closed" // opened, withdrawn or called off; final
)

// next lists every transition there is.
var next = map[State][]State{Open: {Closed}}

// Entry says that a bid was encrypted to a certificate. It is never deleted.
type Entry struct {
	ID       string `json:"id"`       // see entryID
	External string `json:"external"` // what the bidding system calls it
	System   string `json:"system"`   // the account of the bidding system
	State    State  `json:"state"`
	// Certificate is the ContentID of the signing certificate; of a pair, the one
	// whose twin the bid was encrypted to.
	Certificate  string    `json:"certificate"`
	Fingerprint  string    `json:"fingerprint"` // of the one that was named
	Account      string    `json:"account"`
	Organisation string    `json:"organisation"`
	Tender       string    `json:"tender"` // as people know it
	OpensAt      time.Time `json:"opens_at"`
	RecordedAt   time.Time `json:"recorded_at"`
	// Late: the certificate had been extended, or was just being, when it came.
	Late     bool       `json:"late,omitempty"`
	ClosedAt *time.Time `json:"closed_at,omitempty"`
	History  []Event    `json:"history"`
	effect.Owing
}

// Event is one line of an entry's history.
type Event struct {
	At      time.Time  `json:"at"`
	Act     string     `json:"act"` // bid.recorded, bid.moved, bid.closed
	By      string     `json:"by"`
	OpensAt *time.Time `json:"opens_at,omitempty"`
	Reason  string     `json:"reason,omitempty"`
}

// Reasons why an entry is closed.
var Reasons = []string{"opened", "withdrawn", "cancelled"}

// entryID keeps the numbers of two bidding systems apart.
func entryID(system, external string) string { return id.Hash(store.Key(system, external)) }

// move is the one transition function.
func (e *Entry) move(to State, at time.Time, by, reason string) error {
	allowed := false
	for _, n := range next[e.State] {
		allowed = allowed || n == to
	}
	if !allowed {
		return ErrClosed.With("state", string(e.State))
	}
	e.State, e.ClosedAt = to, &at
	e.happened("bid.closed", at, by, Event{Reason: reason})
	e.Owe(effect.New(EffectGuard, at, map[string]string{"entry": e.ID}))
	return nil
}

// happened writes the history and owes the audit log.
func (e *Entry) happened(act string, at time.Time, by string, ev Event) {
	ev.At, ev.Act, ev.By = at, act, by
	e.History = append(e.History, ev)
	e.Owe(effect.New(effect.Audit, at, map[string]string{
		"act": act, "object": "bid", "id": e.ID, "account": e.Account, "organisation": e.Organisation, "by": by,
	}))
}

// EffectGuard is owed when the guard must forget an entry that was closed.
const EffectGuard = "bid.guard"

var entryCollection = store.Collection{Name: "bids", Indexes: []store.Index{
	{Name: "system"},      // system, time, id
	{Name: "certificate"}, // certificate, time, id
	{Name: effect.Index},
}}

func entryRecord(s store.Store) store.Record[Entry] {
	return store.Record[Entry]{Store: s, Collection: entryCollection.Name,
		ID: func(e *Entry) string { return e.ID },
		Index: func(e *Entry) map[string]string {
			return map[string]string{
				"system":      store.Key(e.System, store.TimeKey(e.RecordedAt), e.ID),
				"certificate": store.Key(e.Certificate, store.TimeKey(e.RecordedAt), e.ID),
				effect.Index:  e.Place(),
			}
		}}
}
