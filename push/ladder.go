package push

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Note is all that ever leaves for a push service: an id and the key of a sentence.
// What it is about is asked for by the app, over a proven connection.
type Note struct {
	ID  string
	Key string
}

// Transport is an adapter to a push service.
type Transport interface {
	// Push hands one note over for the phone that the service calls token. It
	// returns ErrTokenGone for a token that will never work again, RetryAfterError
	// where the service names a time, and PermanentError for what no repetition
	// mends. It must end with ctx.
	Push(ctx context.Context, token string, n Note) error
}

// ErrTokenGone: the push service does not know the app on this phone any more.
var ErrTokenGone = errors.New("the push service does not know this token any more")

// PhoneChannelName is the outbox's channel to phones.
const PhoneChannelName = "phone"

// Ladder sends to a phone by its own channels in their order: the first that takes
// the note, and the next one if the phone has not asked since after a while.
type Ladder struct {
	Phones     *Phones
	Transports map[string]Transport // by kind
	// Obsolete says whether a prompt is over, so that nobody is called to it.
	Obsolete func(ctx context.Context, prompt string) (bool, error)
	// Escalate is how long a channel is given to bring a receipt.
	Escalate time.Duration
}

// Send takes one step on the ladder.
func (l *Ladder) Send(ctx context.Context, m *Message) error {
	box, err := l.Phones.box(ctx, m.Device)
	if err != nil {
		return err
	}
	if box.AskedAt.After(m.At) {
		return nil // the receipt
	}
	if prompt := m.Data["prompt"]; prompt != "" {
		if over, err := l.Obsolete(ctx, prompt); err != nil || over {
			return err
		}
	}
	n := Note{ID: m.ID, Key: m.Data["key"]}
	if m.Data["prompt"] != "" {
		n.ID = m.Data["prompt"]
	}
	var last error
	for i := m.Step; i < len(box.Channels); i++ {
		c := box.Channels[i]
		if !c.On || c.RetiredAt != nil || l.Transports[c.Kind] == nil {
			continue
		}
		last = l.push(ctx, m.Device, c, n)
		switch {
		case last == nil && i+1 < len(box.Channels) && l.Escalate > 0:
			return &AgainError{Step: i + 1, By: c.Kind, After: l.Escalate}
		case last == nil:
			return nil
		}
	}
	var permanent *PermanentError
	if errors.Is(last, ErrTokenGone) || errors.As(last, &permanent) && m.Step > 0 {
		return nil // nothing is left to try; the inbox has it
	}
	return last
}

func (l *Ladder) push(ctx context.Context, device string, c PhoneChannel, n Note) error {
	token, err := l.Phones.ring.Open(tokenField.Of(device), c.Token)
	if err != nil {
		return &PermanentError{fmt.Errorf("the token of %s: %w", c.Kind, err)}
	}
	err = l.Transports[c.Kind].Push(ctx, string(token), n)
	if errors.Is(err, ErrTokenGone) {
		if err := l.Phones.retire(ctx, device, c); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Kind, err)
	}
	return nil
}
