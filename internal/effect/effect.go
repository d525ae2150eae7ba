// Package effect is what follows from a change: an entry for the audit log, a
// push, a webhook. It is recorded in the document that changed, in the same
// write, and carried out from there by the relay, at least once.
package effect

import (
	"encoding/json"
	"time"

	"certlink/internal/id"
)

// Effect is one thing owed. Its id makes carrying it out twice harmless: the
// handler creates its record under this id and finds it done.
type Effect struct {
	ID   string            `json:"id"`
	Kind string            `json:"kind"` // which handler: "audit", "webhook", "push"
	At   time.Time         `json:"at"`
	Data map[string]string `json:"data,omitempty"`
}

// Kinds.
const (
	Audit   = "audit"
	Webhook = "webhook"
	Push    = "push"
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

// Index is the name of the index that lists documents with pending effects;
// its value is the time of the oldest one (store.TimeKey).
const Index = "owing"

// Owe adds effects; called by transition functions only.
func (o *Owing) Owe(e ...Effect) { o.Pending = append(o.Pending, e...) }

// Strip returns the stored body without the effects named, leaving everything
// else byte for byte where it was decoded generically. It is what the relay writes back.
func Strip(body []byte, done map[string]bool) ([]byte, []Effect, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, nil, err
	}
	var pending []Effect
	if raw, ok := m["pending"]; ok {
		if err := json.Unmarshal(raw, &pending); err != nil {
			return nil, nil, err
		}
	}
	var rest []Effect
	for _, e := range pending {
		if !done[e.ID] {
			rest = append(rest, e)
		}
	}
	if len(rest) == 0 {
		delete(m, "pending")
	} else {
		raw, err := json.Marshal(rest)
		if err != nil {
			return nil, nil, err
		}
		m["pending"] = raw
	}
	out, err := json.Marshal(m)
	return out, rest, err
}
