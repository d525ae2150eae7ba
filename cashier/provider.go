package cashier

import (
	"context"
	"time"
)

// Charge is what a provider is asked to take.
type Charge struct {
	ID          string // the attempt's
	AmountFen   int64
	Description string
	ExpiresAt   time.Time
}

// TradeState is how a trade stands at the provider.
type TradeState string

// The states of a trade.
const (
	TradeNone    TradeState = "none"    // the provider does not know it (yet)
	TradeWaiting TradeState = "waiting" // not paid so far
	TradePaid    TradeState = "paid"
	TradeClosed  TradeState = "closed" // not paid, and cannot be any more
)

// Trade is what a provider says of an attempt. Payment is there when it is paid.
type Trade struct {
	ID      string
	State   TradeState
	Payment *Payment
}

// RefundOrder asks for money to go back.
type RefundOrder struct {
	ID        string // idempotent: the same id never refunds twice
	Attempt   string
	PaidFen   int64 // what was paid with the attempt
	AmountFen int64
	Reason    string
}

// Notice is one that was verified: of a trade, or of a refund.
type Notice struct {
	Trade  *Trade
	Refund *RefundReport
}

// RefundReport is what a provider says of a refund.
type RefundReport struct {
	ID    string
	State RefundState
	// Note is the provider's word on a refund that failed.
	Note string
}

// Provider takes money. What it reports has been authenticated: signature, merchant
// and application are its business, amounts and currency the order's.
//
// Every method may be called again with the same ids, from several servers, and after
// a crash of the caller at any point. An error means that nothing is known: the call
// is made again later. *Refusal means that the provider will never do it.
type Provider interface {
	// Name is a stable word that stands in stored orders and in addresses.
	Name() string
	// CodeLife is how long a code can be paid.
	CodeLife() time.Duration
	// Start makes the trade and returns its code.
	Start(ctx context.Context, c Charge) (code string, err error)
	// Query asks how a trade stands.
	Query(ctx context.Context, attempt string) (*Trade, error)
	// Close makes sure that a trade cannot be paid any more. It answers TradePaid where
	// it has been.
	Close(ctx context.Context, attempt string) (*Trade, error)
	// Refund sends money back, or asks how that stands.
	Refund(ctx context.Context, r RefundOrder) (*RefundReport, error)
	// Notice reads what was sent to the notice address. header finds one by name.
	Notice(ctx context.Context, header func(name string) string, body []byte) (*Notice, error)
	// Taken is the answer that ends the repetition of a notice.
	Taken() (mediaType, body string)
}

// Refusal is a provider's final no.
type Refusal struct{ Note string }

func (e *Refusal) Error() string { return "the provider refuses: " + e.Note }
