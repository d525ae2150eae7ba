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

// State of a session.
type State string

const (
	Open      State = "open"      // the page has the statement; the holder of the U-Key acts next
	Accepted  State = "accepted"  // the signature is stored; the server owes the act
	Confirmed State = "confirmed" // done
	Failed    State = "failed"    // not done, with a code that says why
	Cancelled State = "cancelled" // the page gave up
	Expired   State = "expired"   // nobody signed in time
)

// next lists every transition there is.
var next = map[State][]State{
	Open:     {Accepted, Cancelled, Expired},
	Accepted: {Confirmed, Failed},
}

// Over reports whether the state is final.
func (s State) Over() bool { return next[s] == nil }

// Session is the aggregate: everything about one statement for a U-Key.
type Session struct {
	ID      string `json:"id"`
	State   State  `json:"state"`
	Browser string `json:"browser"` // hash of the secret that the page holds
	Account string `json:"account"` // who began it

	Confirmation confirm.Confirmation `json:"confirmation"`

	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	// RetryAt is when the sweeper tries an owed act again.
	RetryAt *time.Time `json:"retry_at,omitempty"`
	Tries   int        `json:"tries,omitempty"`

	Result  *confirm.Result `json:"result,omitempty"`
	Failure *Failure        `json:"failure,omitempty"`

	effect.Owing
}

// Failure is told in the words that all carriers share.
type Failure = confirm.Failure

// move is the one transition function.
func (s *Session) move(to State, now time.Time, t Times) error {
	allowed := false
	for _, n := range next[s.State] {
		allowed = allowed || n == to
	}
	if !allowed {
		return ErrOver.With("state", string(s.State)).Becausef("%s → %s", s.State, to)
	}
	s.State = to
	switch {
	case to == Accepted:
		retry := now.Add(t.Retry)
		s.RetryAt = &retry
	case to.Over():
		s.EndedAt, s.RetryAt = &now, nil
	}
	return nil
}

// settle ends a session whose time is over.
func (s *Session) settle(now time.Time, t Times) bool {
	if s.State == Open && !now.Before(s.ExpiresAt) {
		return s.move(Expired, now, t) == nil
	}
	return false
}

// due is when the sweeper must look at the session next.
func (s *Session) due(t Times) time.Time {
	switch {
	case s.EndedAt != nil:
		return s.EndedAt.Add(t.Keep)
	case s.RetryAt != nil:
		return *s.RetryAt
	}
	return s.ExpiresAt
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
	return []store.Collection{{Name: collection, Indexes: []store.Index{
		{Name: "due"},
		{Name: "open"}, // account, while open: bounds how many
		{Name: effect.Index},
	}}}
}

func sessionRecord(s store.Store, t Times) store.Record[Session] {
	return store.Record[Session]{Store: s, Collection: collection,
		ID: func(v *Session) string { return v.ID },
		Index: func(v *Session) map[string]string {
			ix := map[string]string{"due": store.TimeKey(v.due(t))}
			if !v.State.Over() {
				ix["open"] = v.Account
			}
			if len(v.Pending) > 0 {
				ix[effect.Index] = store.TimeKey(v.Pending[0].At)
			}
			return ix
		}}
}
