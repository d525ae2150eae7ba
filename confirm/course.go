package confirm

import (
	"slices"
	"time"

	"certlink/internal/effect"
	"certlink/store"
)

// State is where a carrier's document stands. Before a signature is accepted each
// carrier has states of its own; from there on the course is the same for all.
type State string

// The states that carriers share; all but StateAccepted are final.
const (
	StateAccepted  State = "accepted"  // the signature is stored; the server owes the act
	StateConfirmed State = "confirmed" // done
	StateFailed    State = "failed"    // not done, with a code that says why
	StateRejected  State = "rejected"  // the holder said no
	StateCancelled State = "cancelled" // whoever asked gave up
	StateExpired   State = "expired"   // nobody did anything in time
	StateCollapsed State = "collapsed" // the same was being asked already
)

// Over reports whether the state is final.
func (s State) Over() bool {
	switch s {
	case StateConfirmed, StateFailed, StateRejected, StateCancelled, StateExpired, StateCollapsed:
		return true
	}
	return false
}

// Steps lists the transitions of a carrier up to StateAccepted; what follows is
// known.
type Steps map[State][]State

var afterAccepted = []State{StateConfirmed, StateFailed}

func (s Steps) allow(from, to State) bool {
	if from == StateAccepted {
		return slices.Contains(afterAccepted, to)
	}
	return slices.Contains(s[from], to)
}

// Course is the part that the documents of all carriers share: a confirmation on
// its way from the first question to its end.
type Course struct {
	State State `json:"state"`
	Seq   int64 `json:"seq"` // rises with every change that can be seen

	Confirmation Confirmation `json:"confirmation"`
	Device       string       `json:"device,omitempty"` // thumbprint of the phone, where there is one

	ExpiresAt time.Time  `json:"expires_at"` // of the present state
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	// RetryAt is when the sweeper looks again before ExpiresAt, or at an owed act.
	RetryAt *time.Time `json:"retry_at,omitempty"`
	Tries   int        `json:"tries,omitempty"`

	Result  *Result  `json:"result,omitempty"`
	Failure *Failure `json:"failure,omitempty"`

	effect.Owing
}

// Fail notes why the act is refused for good.
func (k *Course) Fail(code string, extra map[string]any) {
	k.Failure = &Failure{Code: code, Extra: extra}
}

// Index is what all carriers find their documents by: "due", when the sweeper must
// look next, and effect.Index.
func (k *Course) Index(keep time.Duration) map[string]string {
	ix := map[string]string{"due": store.TimeKey(k.due(keep))}
	ix[effect.Index] = k.Place()
	return ix
}

func (k *Course) due(keep time.Duration) time.Time {
	switch {
	case k.EndedAt != nil:
		return k.EndedAt.Add(keep)
	case k.RetryAt != nil && (k.State == StateAccepted || k.RetryAt.Before(k.ExpiresAt)):
		return *k.RetryAt
	}
	return k.ExpiresAt
}
