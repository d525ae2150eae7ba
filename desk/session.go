// Package desk carries statements to a U-Key: the page that asks gets the
// statement at once, has the desktop bridge beside it sign, and hands in the
// signature. There is no code, no second device and so no claim and no match code;
// the statement, the checks and the acts are those of all carriers.
package desk

import (
	"time"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/store"
)

// Open: the page has the statement; the holder of the U-Key acts next. The other
// states are those of all carriers.
const Open confirm.State = "open"

var steps = confirm.Steps{Open: {confirm.StateAccepted, confirm.StateCancelled, confirm.StateExpired}}

// Session is the aggregate: everything about one statement for a U-Key.
type Session struct {
	ID      string `json:"id"`
	Browser string `json:"browser"` // hash of the secret that the page holds
	Account string `json:"account"` // who began it

	CreatedAt time.Time `json:"created_at"`
	confirm.Course
}

// moved records what goes with a step.
func (s *Session) moved(now time.Time) {
	if s.State == confirm.StateFailed {
		e := s.audit(now, "session.failed")
		e.Data["code"] = s.Failure.Code
		s.Owe(e)
	}
}

// audit makes the log entry of a session's change.
func (s *Session) audit(now time.Time, act string) effect.Effect {
	r := &s.Confirmation.Request
	return effect.New(effect.Audit, now, map[string]string{
		"act": act, "object": "ukey_session", "id": s.Confirmation.StatementID(), "purpose": r.Purpose,
		"account": s.Account, "organisation": r.Actor.OrganisationID, "subject": r.Subject.ID, "ip": r.Requester.IP,
	})
}

const collection = "ukey_sessions"

// Collections declares what the package stores.
func Collections() []store.Collection {
	return []store.Collection{sessionRecord(nil, DefaultTimes()).Declare(store.Collection{Name: collection, Indexes: []store.Index{
		{Name: "due"},
		{Name: "open"}, // account, while open: bounds how many
		{Name: effect.Index},
	}})}
}

func sessionRecord(s store.Store, t Times) store.Record[Session] {
	return store.Record[Session]{Store: s, Collection: collection,
		ID: func(v *Session) string { return v.ID },
		Index: func(v *Session) map[string]string {
			ix := v.Index(t.Keep)
			if !v.State.Over() {
				ix["open"] = v.Account
			}
			return ix
		}}
}
