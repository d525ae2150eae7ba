package confirm

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/singleflight"

	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/store"
)

// Carrier takes the documents of one carrier along their course. T is the
// document; its Course is where Of finds it. It keeps nothing in memory that
// matters: any server can take any step.
type Carrier[T any] struct {
	Engine *Engine
	Clock  clock.Clock
	Record store.Record[T]
	Of     func(*T) *Course
	Steps  Steps
	Asks   State         // where the holder's signature is awaited
	Retry  time.Duration // first pause before an owed act is tried again

	// Moved adds what the carrier itself changes and owes with a step, in the same write.
	Moved func(t *T, now time.Time)
	// Told wakes who waits, after a write or a look; before is the state until then. nil
	// where nobody waits.
	Told func(ctx context.Context, t *T, before State)
	// Waiting is what the sweeper does with a document that is neither accepted nor
	// over and whose time has not come; nil: nothing.
	Waiting func(ctx context.Context, t *T) error

	// The carrier's words for these.
	Unknown, Over, Expired *fault.Error

	flight singleflight.Group
}

// Move is the one transition function.
func (c *Carrier[T]) Move(t *T, to State, now time.Time) error {
	k := c.Of(t)
	if !c.Steps.allow(k.State, to) {
		return c.Over.With("state", string(k.State)).Becausef("%s → %s", k.State, to)
	}
	k.State = to
	k.Seq++
	switch {
	case to == StateAccepted:
		retry := now.Add(c.Retry)
		k.RetryAt = &retry
	case to.Over():
		k.EndedAt, k.RetryAt = &now, nil
	}
	c.Moved(t, now)
	return nil
}

// Settle moves a document whose time is over to expired.
func (c *Carrier[T]) Settle(t *T, now time.Time) bool {
	k := c.Of(t)
	return c.Steps.allow(k.State, StateExpired) && !now.Before(k.ExpiresAt) && c.Move(t, StateExpired, now) == nil
}

// Get reads a document. A reader between the end of its time and the sweeper's next
// round sees what the sweeper will write.
func (c *Carrier[T]) Get(ctx context.Context, id string) (*T, error) {
	t, _, err := c.Record.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, c.Unknown
	}
	if err != nil {
		return nil, err
	}
	c.Settle(t, c.Clock())
	return t, nil
}

// Open is the answer to whoever comes too late, nil while there is time.
func (c *Carrier[T]) Open(t *T) error {
	if !c.Of(t).State.Over() {
		return nil
	}
	return c.late(t)
}

func (c *Carrier[T]) late(t *T) error {
	if k := c.Of(t); k.State != StateExpired {
		return c.Over.With("state", string(k.State))
	}
	return c.Expired
}

func (c *Carrier[T]) told(ctx context.Context, t *T, before State) {
	if c.Told != nil {
		c.Told(ctx, t, before)
	}
}

// Change applies one decision to a document by compare-and-swap, tells who waits,
// and returns the document as it then is, also beside an error. An expiry found on
// the way is written, and the caller is told.
func (c *Carrier[T]) Change(ctx context.Context, id string, decide func(*T, time.Time) error) (*T, error) {
	t, before, err := c.change(ctx, id, decide)
	if before != "" {
		c.told(ctx, t, before)
	}
	return t, err
}

// change is Change that tells nobody. before is the state until then, "" where nothing
// was written or looked at.
func (c *Carrier[T]) change(ctx context.Context, id string, decide func(*T, time.Time) error) (t *T, before State, err error) {
	var kept error
	t, err = c.Record.Update(ctx, id, func(t *T) error {
		kept = nil
		now := c.Clock()
		before = c.Of(t).State
		if c.Settle(t, now) {
			kept = c.Expired
			return nil
		}
		err := decide(t, now)
		var k *keptError
		if errors.As(err, &k) {
			kept = k.error
			return nil
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, "", c.Unknown
	}
	if err != nil {
		return t, "", err
	}
	return t, before, kept
}

// keptError is a refusal whose trace in the document is written nevertheless.
type keptError struct{ error }

// Kept makes Change write what decide changed (a miss counted), and return err.
func Kept(err error) error { return &keptError{err} }

// Confirm takes the signed statement. The answer comes after the act; if the act
// cannot be done just now, the document stays accepted and the sweeper does it.
// Confirming again, with the same key, gives the same answer. A signature that is
// refused leaves the document as it was.
func (c *Carrier[T]) Confirm(ctx context.Context, t *T, jws string) (*T, error) {
	k := c.Of(t)
	var verified *Verified
	var err error
	if k.State == c.Asks {
		if verified, err = c.Engine.Verify(ctx, &k.Confirmation, k.Device, jws); err != nil {
			return nil, err
		}
		var before State
		t, before, err = c.change(ctx, c.Record.ID(t), func(t *T, now time.Time) error {
			k := c.Of(t)
			if k.State != c.Asks {
				verified = nil // another request of this holder was faster
				return store.ErrUnchanged
			}
			k.Confirmation.Accept(verified, now)
			return c.Move(t, StateAccepted, now)
		})
		switch {
		case err == nil && verified != nil:
			return c.promptly(ctx, t, before, verified)
		case before != "":
			c.told(ctx, t, before)
		}
		if err != nil {
			return nil, err
		}
		k = c.Of(t)
	}
	if k.Confirmation.AcceptedAt == nil {
		return nil, c.late(t)
	}
	if err := c.Engine.SameSignature(&k.Confirmation, k.Device, jws); err != nil {
		return nil, err
	}
	if k.State == StateAccepted {
		return c.act(ctx, t, nil)
	}
	return t, nil
}

// patience is how long an act may take before those who wait are told that the
// signature was accepted. Nearly always it takes less, and what came of it says all.
const patience = 150 * time.Millisecond

// promptly does the act of a document that has just been accepted.
func (c *Carrier[T]) promptly(ctx context.Context, t *T, before State, v *Verified) (*T, error) {
	accepted := func() { c.told(context.WithoutCancel(ctx), t, before) }
	late := time.AfterFunc(patience, accepted)
	done, err := c.act(ctx, t, v)
	if late.Stop() && err != nil {
		accepted() // nothing else tells it
	}
	return done, err
}

// act does the act that an accepted document owes, and writes into it what came of
// it: the result, a refusal that no repeat can change, or when to try again. Calls
// at once share one act within this server; between servers, the act's own
// idempotence does. v is nil where it was accepted in another breath.
func (c *Carrier[T]) act(ctx context.Context, t *T, v *Verified) (*T, error) {
	id, k := c.Record.ID(t), c.Of(t)
	done, err, _ := c.flight.Do(id, func() (any, error) {
		// The first caller may go away; the act and its other waiters must not.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		result, failed := c.Engine.Act(ctx, &k.Confirmation, k.Device, v)
		return c.Change(ctx, id, func(t *T, now time.Time) error {
			k := c.Of(t)
			switch {
			case k.State != StateAccepted:
				return store.ErrUnchanged
			case failed == nil:
				k.Result = result
				k.Confirmation.Shed(v)
				return c.Move(t, StateConfirmed, now)
			case Final(failed):
				f := fault.Of(failed)
				k.Fail(f.Code, f.Extra)
				return c.Move(t, StateFailed, now)
			}
			k.Tries++
			retry := retryAt(now, c.Retry, k.Tries)
			k.RetryAt = &retry
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return done.(*T), nil
}

// retryAt is when an act that could not be done is tried again: after first, then
// after twice as long each time, up to five minutes.
func retryAt(now time.Time, first time.Duration, tries int) time.Time {
	return now.Add(min(first<<min(tries, 10), 5*time.Minute))
}

// Sweep ends what nobody has answered in time, finishes acts that are owed, and
// purges what has been kept long enough. Anyone may sweep at any time.
func (c *Carrier[T]) Sweep(ctx context.Context) error {
	// One walk: what must stay, because the relay has not been there yet, does not
	// keep it from what comes behind.
	due := store.Query{Index: "due", Below: store.TimeKey(c.Clock()), Limit: 200}
	return c.Record.Walk(ctx, due, func(t *T) error {
		err := c.sweep(ctx, t)
		for _, harmless := range []error{c.Expired, c.Unknown, store.ErrNotFound} { // somebody was faster
			if errors.Is(err, harmless) {
				return nil
			}
		}
		return err
	})
}

func (c *Carrier[T]) sweep(ctx context.Context, t *T) error {
	k := c.Of(t)
	switch {
	case k.State == StateAccepted:
		_, err := c.act(ctx, t, nil)
		return err
	case k.State.Over():
		if len(k.Pending) > 0 {
			return nil // the relay comes first
		}
		return c.Record.Store.Delete(ctx, c.Record.Collection, c.Record.ID(t), 0)
	case c.Waiting != nil && c.Clock().Before(k.ExpiresAt):
		return c.Waiting(ctx, t)
	}
	_, err := c.Change(ctx, c.Record.ID(t), func(*T, time.Time) error { return store.ErrUnchanged })
	return err
}
