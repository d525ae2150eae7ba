package push

import (
	"context"
	"errors"

	"certlink/confirm"
	"certlink/internal/effect"
	"certlink/internal/fault"
	"certlink/store"
)

// WorkChannel is the outbox's channel for work that the relay has given up: what
// followed from a change and was refused for good. It lies among the dead letters,
// where operators see it; sending it again is doing it again.
const WorkChannel = "work"

// Work does what operators send again.
type Work struct{ Handlers map[string]Handler }

// Send does the work once more.
func (w *Work) Send(ctx context.Context, m *Message) error {
	if m.Work == nil || w.Handlers[m.Work.Kind] == nil {
		return &PermanentError{errors.New("there is nothing here that could do it")}
	}
	err := w.Handlers[m.Work.Kind](ctx, *m.Work)
	if confirm.Final(err) {
		return &PermanentError{refusal(err)}
	}
	return err
}

// TakeOver makes a dead letter of an effect that was refused for good; it is the
// relay's GivenUp.
func (o *Outbox) TakeOver(ctx context.Context, e effect.Effect, err error) error {
	now := o.clock()
	err = o.messages.Create(ctx, &Message{ID: "work-" + e.ID, Channel: WorkChannel, Lane: LaneSoon, State: Dead, At: now, Due: now, Tries: 1,
		Error: refusal(err).Error(), Work: &e})
	if errors.Is(err, store.ErrExists) {
		return nil
	}
	return err
}

// refusal is what operators are shown of one: its code. Its cause stands in the log.
func refusal(err error) error { return errors.New(fault.Of(err).Code) }
