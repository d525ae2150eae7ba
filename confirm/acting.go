package confirm

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"

	"certlink/internal/fault"
)

// Acting does the acts that a carrier's documents owe. T is the carrier's document.
type Acting[T any] struct {
	Engine *Engine
	flight singleflight.Group
}

// Outcome is what came of one try: a result, a refusal that no repeat can change,
// or neither of them, when the act is to be tried again.
type Outcome struct {
	Result  *Result
	Refused *fault.Error
}

// Do acts on the accepted confirmation c of the document id, and lets settle write
// into the document what came of it. Calls at once share one act within this
// server; between servers, the act's own idempotence does.
func (a *Acting[T]) Do(ctx context.Context, id string, c *Confirmation, device string, v *Verified, settle func(context.Context, Outcome) (*T, error)) (*T, error) {
	done, err, _ := a.flight.Do(id, func() (any, error) {
		// The first caller may go away; the act and its other waiters must not.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		result, err := a.Engine.Act(ctx, c, device, v)
		o := Outcome{Result: result}
		if err != nil {
			o.Result = nil
			if Final(err) {
				o.Refused = fault.Of(err)
			}
		}
		return settle(ctx, o)
	})
	if err != nil {
		return nil, err
	}
	return done.(*T), nil
}

// RetryAt is when an act that could not be done is tried again: after first, then
// after twice as long each time, up to five minutes.
func RetryAt(now time.Time, first time.Duration, tries int) time.Time {
	return now.Add(min(first<<min(tries, 10), 5*time.Minute))
}
