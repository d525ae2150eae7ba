package push

import (
	"context"
	"errors"
	"time"

	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/seal"
	"certlink/store"
)

// Message is something that leaves the house: to a webhook, a phone, a mailbox.
type Message struct {
	ID      string            `json:"id"` // the effect's, or made from it
	Channel string            `json:"channel"`
	Lane    Lane              `json:"lane"`
	State   MessageState      `json:"state"`
	At      time.Time         `json:"at"`
	Due     time.Time         `json:"due"` // when it is tried next; a claim moves it on
	Tries   int               `json:"tries"`
	Step    int               `json:"step,omitempty"` // on the phone's ladder of channels
	Error   string            `json:"error,omitempty"`
	Data    map[string]string `json:"data,omitempty"`
	SentAt  *time.Time        `json:"sent_at,omitempty"`
	By      string            `json:"by,omitempty"`     // which of the phone's channels took it
	Device  string            `json:"device,omitempty"` // the phone it is for
	// Collapse: while one with this name waits, another says nothing new.
	Collapse string `json:"collapse,omitempty"`
	// Work is an effect that the relay has given up.
	Work *effect.Effect `json:"work,omitempty"`
}

// Lane is how urgent a message is. Each lane of each channel is a queue of its own,
// so that ten thousand reminders do not stand before one confirmation.
type Lane int

// The lanes.
const (
	LaneNow  Lane = iota // somebody waits for it
	LaneSoon             // events, letters, notices
	LaneBulk             // reminders
)

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
		outboxRecord(nil, defaultKeep).Declare(store.Collection{Name: outbox, Indexes: []store.Index{
			{Name: "queue"}, // channel, lane and due, while waiting
			{Name: "dead"}, {Name: "purge"},
			{Name: "phone"},                  // device and time: the notices of its inbox
			{Name: "collapse", Unique: true}, // channel, device and name, while waiting
		}}),
		promptRecord(nil, DefaultPromptTimes()).Declare(promptSchema),
		phoneRecord(nil).Declare(store.Collection{Name: phoneCollection, Feed: true, Indexes: []store.Index{{Name: seal.StaleIndex}}}),
		dayRecord(nil).Declare(store.Collection{Name: dayCollection, Indexes: []store.Index{{Name: "purge"}, {Name: effect.Index}}}),
		markRecord(nil).Declare(store.Collection{Name: markCollection, Indexes: []store.Index{{Name: "purge"}}}),
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

// AgainError is no failure: it was sent, and unless it is answered by then, the next
// step is taken after a while.
type AgainError struct {
	Step  int
	By    string
	After time.Duration
}

func (e *AgainError) Error() string { return "sent by " + e.By + "; no receipt yet" }

// Outbox holds messages until they are delivered, at least once.
type Outbox struct {
	messages store.Record[Message]
	clock    clock.Clock
	channels map[string]Channel
	gates    map[string]*gate
	// GiveUp is how long delivery is tried.
	GiveUp time.Duration
	// Keep is how long a delivered message can be looked up.
	Keep time.Duration
}

const defaultKeep = 30 * 24 * time.Hour

// NewOutbox makes the outbox for the channels given.
func NewOutbox(s store.Store, c clock.Clock, channels map[string]Channel) *Outbox {
	o := &Outbox{clock: c, channels: channels, gates: map[string]*gate{}, GiveUp: 72 * time.Hour, Keep: defaultKeep}
	for name := range channels {
		o.gates[name] = newGate(DefaultRate)
	}
	o.messages = outboxRecord(s, o.Keep)
	return o
}

func outboxRecord(s store.Store, keep time.Duration) store.Record[Message] {
	return store.Record[Message]{Store: s, Collection: outbox,
		ID: func(m *Message) string { return m.ID },
		Index: func(m *Message) map[string]string {
			ix := map[string]string{}
			switch m.State {
			case Waiting:
				ix["queue"] = store.Key(queueOf(m.Channel, m.Lane), store.TimeKey(m.Due))
				if m.Collapse != "" {
					ix["collapse"] = store.Key(m.Channel, m.Device, m.Collapse)
				}
			case Dead:
				ix["dead"] = store.TimeKey(m.At)
			default:
				ix["purge"] = store.TimeKey(m.Due.Add(keep))
			}
			if m.Device != "" && m.Data["key"] != KeyPrompt {
				ix["phone"] = store.Key(m.Device, store.TimeKey(m.At))
			}
			return ix
		}}
}

func queueOf(channel string, lane Lane) string { return channel + "." + string(rune('0'+lane)) }

// Serves says whether somebody has configured the channel.
func (o *Outbox) Serves(channel string) bool { return o.channels[channel] != nil }

// Carry is the relay's handler for effects that become messages of a channel.
// Where nobody has configured the channel, nothing is owed.
func (o *Outbox) Carry(channel string) Handler {
	return func(ctx context.Context, e effect.Effect) error {
		return o.Put(ctx, &Message{ID: e.ID, Channel: channel, Lane: LaneSoon, At: e.At, Data: e.Data})
	}
}

// Put takes a message in. Putting it in again changes nothing, and neither does one
// that says what a waiting one says already.
func (o *Outbox) Put(ctx context.Context, m *Message) error {
	if o.channels[m.Channel] == nil {
		return nil
	}
	m.State = Waiting
	if m.Due.IsZero() {
		m.Due = o.clock()
	}
	err := o.messages.Create(ctx, m)
	if errors.Is(err, store.ErrExists) || store.IsDuplicate(err, "collapse") {
		return nil
	}
	return err
}

// Notices lists what a phone was told, newest first; prompts are not among it.
func (o *Outbox) Notices(ctx context.Context, device string, limit int) ([]*Message, error) {
	list, _, err := o.messages.Query(ctx, store.Query{Index: "phone", Prefix: store.KeyPrefix(device), Desc: true, Limit: limit})
	return list, err
}

// Purge forgets what was delivered and kept long enough.
func (o *Outbox) Purge(ctx context.Context) error {
	old, _, err := o.messages.Query(ctx, store.Query{Index: "purge", Below: store.TimeKey(o.clock()), Limit: 500})
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

// Resend puts a dead letter back, with a whole new time to be delivered in. Doing it
// again changes nothing.
func (o *Outbox) Resend(ctx context.Context, id string) (*Message, error) {
	m, err := o.messages.Update(ctx, id, func(m *Message) error {
		if m.State != Dead {
			return store.ErrUnchanged
		}
		m.State, m.At, m.Due, m.Tries, m.Step = Waiting, o.clock(), o.clock(), 0, 0
		return nil
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrMessageUnknown
	case store.IsDuplicate(err, "collapse"):
		return m, nil // the same is on its way already
	}
	return m, err
}
