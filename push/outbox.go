package push

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/store"
)

// Message is something that leaves the house: to a webhook, a phone, a mailbox.
type Message struct {
	ID      string            `json:"id"` // the effect's
	Channel string            `json:"channel"`
	State   MessageState      `json:"state"`
	At      time.Time         `json:"at"`
	Due     time.Time         `json:"due"`
	Tries   int               `json:"tries"`
	Error   string            `json:"error,omitempty"`
	Data    map[string]string `json:"data,omitempty"`
	SentAt  *time.Time        `json:"sent_at,omitempty"`
}

// MessageState of a message.
type MessageState string

const (
	Waiting MessageState = "waiting"
	Sent    MessageState = "sent"
	Dead    MessageState = "dead" // given up; an operator may send it again
)

const outbox = "outbox"

// Collections declares what the package stores.
func Collections() []store.Collection {
	return []store.Collection{
		{Name: outbox, Indexes: []store.Index{{Name: "due"}, {Name: "dead"}, {Name: "purge"}}},
		promptSchema,
		{Name: phoneCollection, Feed: true},
	}
}

// Channel delivers messages of one kind. A PermanentError gives up at once.
type Channel interface {
	Send(ctx context.Context, m *Message) error
}

// PermanentError is a delivery that no repetition can mend.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// RetryAfterError is a receiver's own word on when to come back.
type RetryAfterError struct {
	Err   error
	After time.Duration
}

func (e *RetryAfterError) Error() string { return e.Err.Error() }
func (e *RetryAfterError) Unwrap() error { return e.Err }

// Outbox holds messages until they are delivered, at least once.
type Outbox struct {
	messages store.Record[Message]
	clock    clock.Clock
	channels map[string]Channel
	// GiveUp is how long delivery is tried.
	GiveUp time.Duration
	// Keep is how long a delivered message can be looked up.
	Keep time.Duration
}

// NewOutbox makes the outbox for the channels given.
func NewOutbox(s store.Store, c clock.Clock, channels map[string]Channel) *Outbox {
	o := &Outbox{clock: c, channels: channels, GiveUp: 72 * time.Hour, Keep: 7 * 24 * time.Hour}
	o.messages = store.Record[Message]{Store: s, Collection: outbox,
		ID: func(m *Message) string { return m.ID },
		Index: func(m *Message) map[string]string {
			switch m.State {
			case Waiting:
				return map[string]string{"due": store.TimeKey(m.Due)}
			case Dead:
				return map[string]string{"dead": store.TimeKey(m.At)}
			}
			return map[string]string{"purge": store.TimeKey(m.Due.Add(o.Keep))}
		}}
	return o
}

// Carry is the relay's handler for effects that become messages of a channel.
// Where nobody has configured the channel, nothing is owed.
func (o *Outbox) Carry(channel string) Handler {
	return func(ctx context.Context, e effect.Effect) error {
		if o.channels[channel] == nil {
			return nil
		}
		err := o.messages.Create(ctx, &Message{ID: e.ID, Channel: channel, State: Waiting, At: e.At, Due: o.clock(), Data: e.Data})
		if errors.Is(err, store.ErrExists) {
			return nil
		}
		return err
	}
}

// sendWidth bounds the deliveries under way at once.
const sendWidth = 16

// Deliver sends what is due, and returns.
func (o *Outbox) Deliver(ctx context.Context) error {
	due, _, err := o.messages.Query(ctx, store.Query{Index: "due", Below: store.TimeKey(o.clock().Add(time.Microsecond)), Limit: 256})
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(sendWidth)
	for _, m := range due {
		g.Go(func() error { return o.deliver(ctx, m) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return o.purge(ctx)
}

func (o *Outbox) deliver(ctx context.Context, m *Message) error {
	ch := o.channels[m.Channel]
	var sendErr error
	if ch == nil {
		sendErr = &PermanentError{errors.New("the channel is no longer configured")}
	} else {
		bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
		sendErr = ch.Send(bounded, m)
		cancel()
	}
	if ctx.Err() != nil {
		return ctx.Err() // stopped, not refused: the next server sends it
	}
	_, err := o.messages.Update(ctx, m.ID, func(m *Message) error {
		if m.State != Waiting {
			return store.ErrUnchanged
		}
		now := o.clock()
		m.Tries++
		var permanent *PermanentError
		var later *RetryAfterError
		switch {
		case sendErr == nil:
			m.State, m.SentAt, m.Error, m.Due = Sent, &now, "", now
		case errors.As(sendErr, &permanent) || now.Sub(m.At) > o.GiveUp:
			m.State, m.Error = Dead, sendErr.Error()
			slog.Warn("a message is given up", "channel", m.Channel, "message", m.ID, "tries", m.Tries, "err", sendErr)
		case errors.As(sendErr, &later) && later.After > 0:
			m.Error, m.Due = sendErr.Error(), now.Add(min(later.After, time.Hour))
		default:
			m.Error, m.Due = sendErr.Error(), now.Add(backoff(m.Tries))
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// backoff doubles from a second to a quarter of an hour, with jitter, so that a
// receiver that comes back is not met by everybody at once.
func backoff(tries int) time.Duration {
	d := min(time.Second<<min(tries-1, 12), 15*time.Minute)
	return d/2 + rand.N(d/2+1)
}

func (o *Outbox) purge(ctx context.Context) error {
	old, _, err := o.messages.Query(ctx, store.Query{Index: "purge", Below: store.TimeKey(o.clock()), Limit: 256})
	for _, m := range old {
		if err := o.messages.Store.Delete(ctx, outbox, m.ID, 0); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return err
}

// DeadLetters lists what was given up, newest first.
func (o *Outbox) DeadLetters(ctx context.Context, after store.Cursor, limit int) ([]*Message, store.Cursor, error) {
	return o.messages.Query(ctx, store.Query{Index: "dead", Desc: true, After: after, Limit: limit})
}
