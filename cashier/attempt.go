package cashier

import (
	"fmt"
	"strings"
	"time"
)

// AttemptState is where one try to pay stands.
type AttemptState string

// The states of an attempt.
const (
	Starting AttemptState = "starting" // the provider is being asked for a code
	Waiting  AttemptState = "waiting"  // the code is shown; the payer acts
	Review   AttemptState = "review"   // a proof was handed in; a reviewer acts
	Dropped  AttemptState = "dropped"  // to be called in at the provider
	Settled  AttemptState = "settled"  // money has arrived; see Payment and Refund
	Ended    AttemptState = "ended"    // over, without money
)

// live attempts can still bring money.
func (s AttemptState) live() bool { return s != Settled && s != Ended }

// Attempt is one try to pay by one provider. Its id is what the provider knows the
// trade by (out_trade_no), and begins with the order's.
type Attempt struct {
	ID       string       `json:"id"`
	Provider string       `json:"provider"`
	State    AttemptState `json:"state"`
	At       time.Time    `json:"at"`
	By       string       `json:"by"`
	// Code is what the page draws (code_url, qr_code) or opens; it works until ExpiresAt.
	Code      string    `json:"code,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
	// Due is when the provider is asked next, while the attempt is live; Tries how
	// often it has been.
	Due   time.Time `json:"due"`
	Tries int       `json:"tries,omitempty"`
	Asked time.Time `json:"asked,omitzero"` // when it last was
	// Reason is why it ended: expired, replaced, order_closed, refused, rejected.
	Reason string `json:"reason,omitempty"`
	Note   string `json:"note,omitempty"` // the reviewer's words
	// Proof is of an offline transfer: the upload's id.
	Proof   string     `json:"proof,omitempty"`
	ProofAt *time.Time `json:"proof_at,omitempty"`
	// Decision is a reviewer's on the proof.
	Decision *Decision `json:"decision,omitempty"`
	Payment  *Payment  `json:"payment,omitempty"`
	Refund   *Refund   `json:"refund,omitempty"`
}

// Payment is money that has arrived.
type Payment struct {
	// Transaction is the provider's own number for it.
	Transaction string    `json:"transaction"`
	AmountFen   int64     `json:"amount_fen"`
	Currency    string    `json:"currency"`
	At          time.Time `json:"at"`
}

// Currency is the only one that is taken.
const Currency = "CNY"

// attemptID is 30 characters, of the 6 to 32 letters and digits that providers take.
func attemptID(order string, n int) string { return fmt.Sprintf("%st%03d", order, n) }

// OrderOf is the order that an attempt belongs to, "" for what is no attempt's id.
func OrderOf(attempt string) string { return orderOf(attempt) }

// orderOf is the order that an attempt's or a refund's id belongs to, "" for what
// cannot be an id of ours.
func orderOf(id string) string {
	if len(id) != orderIDLength+4 || strings.ContainsFunc(id, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') }) {
		return ""
	}
	return id[:orderIDLength]
}

// attemptsMost bounds the attempts that an order can have, attemptsHour those begun
// within an hour.
const (
	attemptsMost = 999
	attemptsHour = 12
)

// drop calls in the live attempts. A proof keeps waiting for its reviewer whatever
// happens to the order: there may be money behind it.
func (o *Order) drop(at time.Time, reason string) {
	for i := range o.Attempts {
		a := &o.Attempts[i]
		if a.State != Starting && a.State != Waiting {
			continue
		}
		a.State, a.Reason, a.Due, a.Tries = Dropped, reason, at, 0
	}
}

// Why an attempt ended.
const (
	expired     = "expired"
	replaced    = "replaced"
	orderClosed = "order_closed"
	orderPaid   = "order_paid"
	refused     = "refused"
	rejected    = "rejected"
)

// pause is how long after the nth question about a waiting payment the next one is
// put: notices mostly arrive within seconds, and the payer looks at the page.
func pause(n int) time.Duration { return min(10*time.Second<<min(n, 10), 5*time.Minute) }

// patience is how long after the nth failure a call is made again.
func patience(n int) time.Duration { return min(2*time.Second<<min(n, 12), 15*time.Minute) }
