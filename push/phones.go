package push

import (
	"context"
	"errors"
	"slices"
	"time"

	"certlink/internal/clock"
	"certlink/internal/feed"
	"certlink/internal/seal"
	"certlink/store"
)

// phoneBox is what push keeps of a phone: how it can be reached, how often it was
// rung, and when it last looked. The phone's open stream watches it, on whichever
// server that is.
type phoneBox struct {
	ID      string    `json:"id"`
	Seq     int64     `json:"seq"`
	RungAt  time.Time `json:"rung_at,omitzero"`
	AskedAt time.Time `json:"asked_at,omitzero"` // the receipt of all that came before
	// Channels in the order in which they are tried. It is data, since which push
	// service reaches a phone depends on its maker and its country.
	Channels []PhoneChannel `json:"channels,omitempty"`
}

// PhoneChannel is one way to a phone.
type PhoneChannel struct {
	Kind string `json:"kind"` // "fcm", "hms", …: an adapter's name
	// Token is the push service's name for the app on this phone. It is sealed at
	// rest: who has it can tell the phone something.
	Token string `json:"token"`
	On    bool   `json:"on"`
	// RetiredAt: the push service does not know the token any more.
	RetiredAt *time.Time `json:"retired_at,omitempty"`
}

const (
	phoneCollection = "push_phones"
	channelsMost    = 8
	tokenMost       = 4096
)

// Phones knows how each phone is reached.
type Phones struct {
	boxes store.Record[phoneBox]
	hub   *feed.Hub
	clock clock.Clock
	ring  *seal.Ring
	kinds []string
}

// NewPhones makes the service. kinds are the adapters that there are, in the order
// of an operator's liking.
func NewPhones(s store.Store, c clock.Clock, hub *feed.Hub, ring *seal.Ring, kinds ...string) *Phones {
	return &Phones{hub: hub, clock: c, ring: ring, kinds: kinds, boxes: phoneRecord(s)}
}

func phoneRecord(s store.Store) store.Record[phoneBox] {
	return store.Record[phoneBox]{Store: s, Collection: phoneCollection, ID: func(b *phoneBox) string { return b.ID },
		Index: func(b *phoneBox) map[string]string {
			return map[string]string{seal.StaleIndex: phonePlaces.Keys(b)}
		}}
}

var tokenField = seal.In(phoneCollection, "push token")

// Sealed lists what this package keeps under seal.
func Sealed(s store.Store, r *seal.Ring) []seal.Stock {
	return []seal.Stock{seal.StockOf(r, phoneRecord(s), phonePlaces)}
}

var phonePlaces seal.Places[phoneBox] = func(b *phoneBox, visit func(seal.Purpose, *string) error) error {
	for i := range b.Channels {
		if err := visit(tokenField.Of(b.ID), &b.Channels[i].Token); err != nil {
			return err
		}
	}
	return nil
}

// Kinds are the ways that an app on a phone can register for.
func (v *Phones) Kinds() []string { return slices.Clone(v.kinds) }

// change makes one change of a phone's box, and the box where there was none.
func (v *Phones) change(ctx context.Context, device string, decide func(*phoneBox) error) (*phoneBox, error) {
	for {
		b, err := v.boxes.Update(ctx, device, decide)
		if !errors.Is(err, store.ErrNotFound) {
			return b, err
		}
		b = &phoneBox{ID: device}
		if err := decide(b); errors.Is(err, store.ErrUnchanged) {
			return b, nil
		} else if err != nil {
			return nil, err
		}
		if err = v.boxes.Create(ctx, b); !errors.Is(err, store.ErrExists) {
			return b, err
		}
	}
}

// Ring tells a phone to look into its inbox, if it listens. Ringing twice is
// harmless, and a phone that does not listen asks when it is looked at.
func (v *Phones) Ring(ctx context.Context, device string) error {
	_, err := v.change(ctx, device, func(b *phoneBox) error {
		b.Seq++
		b.RungAt = v.clock()
		return nil
	})
	if err == nil {
		v.hub.Tell(phoneCollection, device, nil)
	}
	return err
}

// Asked takes note that a phone has looked into its inbox: whatever was sent to it
// before has arrived, or need not arrive any more.
func (v *Phones) Asked(ctx context.Context, device string) error {
	b, err := v.box(ctx, device)
	if err != nil || b.AskedAt.After(b.RungAt) || b.RungAt.IsZero() {
		return err // nothing has come since; no write
	}
	_, err = v.change(ctx, device, func(b *phoneBox) error {
		b.AskedAt = v.clock()
		return nil
	})
	return err
}

func (v *Phones) box(ctx context.Context, device string) (*phoneBox, error) {
	b, _, err := v.boxes.Get(ctx, device)
	if errors.Is(err, store.ErrNotFound) {
		return &phoneBox{ID: device}, nil
	}
	return b, err
}

// Rung is how often a phone was rung; 0 for one that never was.
func (v *Phones) Rung(ctx context.Context, device string) (int64, error) {
	b, err := v.box(ctx, device)
	if err != nil {
		return 0, err
	}
	return b.Seq, nil
}

// Watch subscribes to a phone's ringing.
func (v *Phones) Watch(device string) *feed.Sub { return v.hub.Subscribe(phoneCollection, device) }

// Channels lists how a phone is reached, in order; tokens are left out.
func (v *Phones) Channels(ctx context.Context, device string) ([]PhoneChannel, error) {
	b, err := v.box(ctx, device)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(b.Channels)
	for i := range out {
		out[i].Token = ""
	}
	return out, nil
}

// SetChannels says how a phone wants to be reached: all its channels, in order. One
// named without a token keeps the one that it has.
func (v *Phones) SetChannels(ctx context.Context, device string, list []PhoneChannel) error {
	if len(list) > channelsMost {
		return ErrChannel
	}
	sealed := make([]PhoneChannel, len(list))
	for i, c := range list {
		twice := slices.ContainsFunc(list[:i], func(o PhoneChannel) bool { return o.Kind == c.Kind })
		if !slices.Contains(v.kinds, c.Kind) || twice || len(c.Token) > tokenMost {
			return ErrChannel.With("channel", c.Kind)
		}
		sealed[i] = PhoneChannel{Kind: c.Kind, On: c.On}
		if c.Token != "" {
			sealed[i].Token = v.ring.Seal(tokenField.Of(device), []byte(c.Token))
		}
	}
	_, err := v.change(ctx, device, func(b *phoneBox) error {
		next := slices.Clone(sealed)
		for i := range next {
			if next[i].Token != "" {
				continue
			}
			at := slices.IndexFunc(b.Channels, func(c PhoneChannel) bool { return c.Kind == next[i].Kind })
			if at < 0 {
				return ErrChannel.With("channel", next[i].Kind) // no token to reach it by
			}
			next[i].Token, next[i].RetiredAt = b.Channels[at].Token, b.Channels[at].RetiredAt
		}
		b.Channels = next
		return nil
	})
	return err
}

// retire stops using a token that the push service disowned, unless the phone has
// registered another one meanwhile.
func (v *Phones) retire(ctx context.Context, device string, gone PhoneChannel) error {
	_, err := v.change(ctx, device, func(b *phoneBox) error {
		for i := range b.Channels {
			if c := &b.Channels[i]; c.Kind == gone.Kind && c.Token == gone.Token && c.RetiredAt == nil {
				now := v.clock()
				c.RetiredAt = &now
				return nil
			}
		}
		return store.ErrUnchanged
	})
	return err
}
