package bids

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/gowebpki/jcs"

	"certlink/internal/effect"
	"certlink/store"
)

// Guard is all that stands in the way of extending one certificate, in one
// document: so "may it be extended now" and "another bid has come" are decided in
// an order, and neither can overlook the other. Its id is the ContentID of the
// certificate.
type Guard struct {
	ID           string `json:"id"`
	Account      string `json:"account"`
	Organisation string `json:"organisation"`
	Open         []Item `json:"open"` // by opening time
	// Acknowledged is the last acknowledgement; it counts for what it lists only.
	Acknowledged *Acknowledgement `json:"acknowledged,omitempty"`
	// Passed is set by the extension that the guard has let pass.
	Passed *Passage `json:"passed,omitempty"`
	effect.Owing
}

// Item is an entry as the guard keeps it.
type Item struct {
	Entry   string    `json:"entry"`
	Tender  string    `json:"tender"`
	OpensAt time.Time `json:"opens_at"`
}

// Acknowledgement says that the holder has read which bids are open and goes on.
type Acknowledgement struct {
	Statement string    `json:"statement"` // and so the evidence
	Digest    string    `json:"digest"`
	Items     []Item    `json:"items"`
	At        time.Time `json:"at"`
}

// Passage is an extension on its way or done.
type Passage struct {
	Statement string    `json:"statement"`
	At        time.Time `json:"at"`
	// Digest is that of the list that was open and acknowledged, "" for none.
	Digest string `json:"digest,omitempty"`
}

// EffectAcknowledged is owed when a holder has acknowledged: what waited for it
// may go on. Its data are "certificate" (ContentID) and "evidence".
const EffectAcknowledged = "bid.acknowledged"

// put adds an entry or changes its time.
func (g *Guard) put(it Item) {
	g.drop(it.Entry)
	g.Open = append(g.Open, it)
	slices.SortFunc(g.Open, byOpening)
}

func byOpening(a, b Item) int {
	if c := a.OpensAt.Compare(b.OpensAt); c != 0 {
		return c
	}
	return strings.Compare(a.Entry, b.Entry)
}

func (g *Guard) drop(entry string) bool {
	n := len(g.Open)
	g.Open = slices.DeleteFunc(g.Open, func(it Item) bool { return it.Entry == entry })
	return len(g.Open) < n
}

func (g *Guard) has(it Item) bool {
	return slices.ContainsFunc(g.Open, func(o Item) bool {
		return o.Entry == it.Entry && o.Tender == it.Tender && o.OpensAt.Equal(it.OpensAt)
	})
}

// at leaves out what was to be opened longer ago than the grace.
func (g *Guard) at(now time.Time, grace time.Duration) []Item {
	return slices.DeleteFunc(slices.Clone(g.Open), func(it Item) bool { return now.After(it.OpensAt.Add(grace)) })
}

// covers says whether the acknowledgement lists all of them, with their times. A
// bid that has been opened since takes nothing away from it.
func (a *Acknowledgement) covers(open []Item) bool {
	if len(open) == 0 {
		return true
	}
	if a == nil {
		return false
	}
	for _, it := range open {
		if !slices.ContainsFunc(a.Items, func(k Item) bool {
			return k.Entry == it.Entry && k.Tender == it.Tender && k.OpensAt.Equal(it.OpensAt)
		}) {
			return false
		}
	}
	return true
}

// digest names a list: SHA-256 over its RFC 8785 form, base64url.
func digest(open []Item) string {
	type line struct {
		Entry   string `json:"entry"`
		Tender  string `json:"tender"`
		OpensAt string `json:"opens_at"`
	}
	lines := make([]line, len(open))
	for i, it := range open {
		lines[i] = line{it.Entry, it.Tender, it.OpensAt.UTC().Format(time.RFC3339)}
	}
	plain, err := json.Marshal(lines)
	if err == nil {
		plain, err = jcs.Transform(plain)
	}
	if err != nil {
		panic("bids: strings have no JSON form: " + err.Error())
	}
	sum := sha256.Sum256(plain)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

var guardCollection = store.Collection{Name: "bid_guards", Indexes: []store.Index{{Name: effect.Index}}}

func guardRecord(s store.Store) store.Record[Guard] {
	return store.Record[Guard]{Store: s, Collection: guardCollection.Name,
		ID: func(g *Guard) string { return g.ID },
		Index: func(g *Guard) map[string]string {
			return map[string]string{effect.Index: g.Place()}
		}}
}
