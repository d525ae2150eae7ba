// Package effect is what follows from a change: an entry for the audit log, a
// push, a webhook. It is recorded in the document that changed, in the same
// write, and carried out from there by the relay, at least once.
package effect

import (
	"encoding/json"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"certlink/internal/id"
	"certlink/store"
)

// Effect is one thing owed. Its id makes carrying it out twice harmless: the
// handler creates its record under this id and finds it done.
type Effect struct {
	ID   string            `json:"id"`
	Kind string            `json:"kind"` // which handler: "audit", "webhook", "push", "mail"
	At   time.Time         `json:"at"`
	Data map[string]string `json:"data,omitempty"`
}

// Kinds.
const (
	Audit   = "audit"
	Webhook = "webhook"
	Push    = "push" // {account or device, key, …ids}: a notice to a person
	Mail    = "mail" // {template, …ids}: a letter, built when it is sent
)

// New makes an effect. Data must hold no secret and no personal data beyond ids.
func New(kind string, at time.Time, data map[string]string) Effect {
	return Effect{ID: id.New(), Kind: kind, At: at, Data: data}
}

// Owing is implemented by stored aggregates that can owe effects. Documents
// that owe some stand in the index Index of their collection, so the relay
// finds them after a crash without reading the others.
type Owing struct {
	Pending []Effect `json:"pending,omitempty"`
}

// Index is the name of the index that lists documents with pending effects; Place is
// its value.
const Index = "owing"

// Place is the time of the oldest effect, "" where nothing is owed.
func (o *Owing) Place() string {
	if len(o.Pending) == 0 {
		return ""
	}
	return store.TimeKey(o.Pending[0].At)
}

// Owe adds effects; called by transition functions only.
func (o *Owing) Owe(e ...Effect) { o.Pending = append(o.Pending, e...) }

// Pending reads what a stored body owes.
func Pending(body []byte) ([]Effect, error) {
	m, err := find(body)
	if err != nil || m.empty() {
		return nil, err
	}
	var pending []Effect
	return pending, jsonv2.Unmarshal(body[m.value:m.end], &pending)
}

// Strip returns the stored body without the effects named, and those that are
// left. pending is what Pending has read from it. All else stays byte for byte, also
// what a newer server has written and this one does not know. It is what the relay
// writes back.
func Strip(body []byte, pending []Effect, done map[string]bool) ([]byte, []Effect, error) {
	var rest []Effect
	for _, e := range pending {
		if !done[e.ID] {
			rest = append(rest, e)
		}
	}
	if len(rest) == len(pending) && len(rest) > 0 {
		return body, rest, nil
	}
	m, err := find(body)
	if err != nil || m.empty() {
		return body, rest, err
	}
	out := make([]byte, 0, len(body))
	if len(rest) == 0 {
		out = append(out, body[:m.from]...)
		return append(out, body[m.to:]...), nil, nil
	}
	raw, err := json.Marshal(rest)
	if err != nil {
		return nil, nil, err
	}
	out = append(out, body[:m.value]...)
	out = append(out, raw...)
	return append(out, body[m.end:]...), rest, nil
}
