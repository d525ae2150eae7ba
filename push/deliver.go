package push

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"certlink/store"
)

const (
	// sendWidth bounds the deliveries of one queue under way at once.
	sendWidth = 16
	// sendTime is how long one delivery may take. The Firebase SDK, for one, would
	// repeat by itself for longer; the outbox repeats better.
	sendTime = 5 * time.Second
	// claimTime is how long a message belongs to the server that sends it. One that
	// died meanwhile leaves it to the others.
	claimTime = 30 * time.Second
	page      = 64
)

// Queue is one lane of one channel. Queues are emptied side by side.
type Queue struct {
	Channel string
	Lane    Lane
}

// Queues lists those that there are.
func (o *Outbox) Queues() []Queue {
	var all []Queue
	for name := range o.channels {
		for lane := LaneNow; lane <= LaneBulk; lane++ {
			all = append(all, Queue{name, lane})
		}
	}
	slices.SortFunc(all, func(a, b Queue) int {
		if a.Channel != b.Channel && a.Channel < b.Channel || a.Channel == b.Channel && a.Lane < b.Lane {
			return -1
		}
		return 1
	})
	return all
}

// Name of the queue, for leases and logs.
func (q Queue) Name() string { return "outbox-" + queueOf(q.Channel, q.Lane) }

// Deliver sends what is due now in all queues, the urgent first, and returns.
func (o *Outbox) Deliver(ctx context.Context) error {
	for _, lane := range []Lane{LaneNow, LaneSoon, LaneBulk} {
		for _, q := range o.Queues() {
			if q.Lane == lane {
				if err := o.Empty(ctx, q); err != nil {
					return err
				}
			}
		}
	}
	// What lies there for a channel that is no longer configured is given up.
	return o.Purge(ctx)
}

// Empty sends what is due in one queue, page by page, as fast as the channel's gate
// lets it, and returns when there is no more, or no time for more.
func (o *Outbox) Empty(ctx context.Context, q Queue) error {
	gate := o.gates[q.Channel]
	for {
		if until, ok := ctx.Deadline(); ok && time.Until(until) < sendTime {
			return nil // the next round goes on
		}
		room := gate.room(q.Lane, o.clock())
		if room <= 0 {
			return nil
		}
		due, _, err := o.messages.Query(ctx, store.Query{Index: "queue", Prefix: store.KeyPrefix(queueOf(q.Channel, q.Lane)),
			Below: store.Key(queueOf(q.Channel, q.Lane), store.TimeKey(o.clock().Add(time.Microsecond))), Limit: min(room, page)})
		if err != nil || len(due) == 0 {
			return err
		}
		var g errgroup.Group
		g.SetLimit(sendWidth)
		for _, m := range due {
			g.Go(func() error { return o.deliver(ctx, m.ID, gate) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
}

// deliver claims one message and sends it. Of two servers that found it, one wins
// the claim; the other leaves it alone.
func (o *Outbox) deliver(ctx context.Context, id string, gate *gate) error {
	won := false
	m, err := o.messages.Update(ctx, id, func(m *Message) error {
		now := o.clock()
		if won = m.State == Waiting && !now.Before(m.Due); !won {
			return store.ErrUnchanged
		}
		m.Due = now.Add(claimTime)
		return nil
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && !won {
		return nil
	}
	if err != nil {
		return err
	}
	claimed := m.Due
	gate.take(o.clock())
	bounded, cancel := context.WithTimeout(ctx, sendTime)
	sendErr := o.channels[m.Channel].Send(bounded, m)
	cancel()
	if ctx.Err() != nil {
		return ctx.Err() // stopped, not refused: the claim runs out and another sends it
	}
	gate.came(sendErr, o.clock())
	_, err = o.messages.Update(ctx, id, func(m *Message) error {
		if m.State != Waiting || !m.Due.Equal(claimed) {
			return store.ErrUnchanged // somebody else has taken it since
		}
		o.settle(m, sendErr)
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// settle writes down what came of a delivery.
func (o *Outbox) settle(m *Message, sendErr error) {
	now := o.clock()
	m.Tries++
	var permanent *PermanentError
	var later *RetryAfterError
	var again *AgainError
	switch {
	case sendErr == nil:
		m.State, m.SentAt, m.Error, m.Due = Sent, &now, "", now
	case errors.As(sendErr, &again):
		m.Step, m.By, m.Error, m.Due = again.Step, again.By, "", now.Add(again.After)
	case errors.As(sendErr, &permanent) || now.Sub(m.At) > o.GiveUp:
		m.State, m.Error = Dead, sendErr.Error()
		slog.Warn("a message is given up", "channel", m.Channel, "message", m.ID, "tries", m.Tries, "err", sendErr)
	case errors.As(sendErr, &later) && later.After > 0:
		m.Error, m.Due = sendErr.Error(), now.Add(spread(min(later.After, time.Hour)))
	default:
		m.Error, m.Due = sendErr.Error(), now.Add(backoff(m.Tries))
	}
}

// backoff doubles from a second to a quarter of an hour, with jitter, so that a
// receiver that comes back is not met by everybody at once.
func backoff(tries int) time.Duration {
	d := min(time.Second<<min(tries-1, 12), 15*time.Minute)
	return d/2 + rand.N(d/2+1)
}

// spread is never before the time that the receiver named, and never for all the
// same.
func spread(d time.Duration) time.Duration { return d + rand.N(d/5+1) }
