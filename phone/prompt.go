package phone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Open is the state of a prompt that waits for its holder.
const Open = "open"

// asked is a prompt as the server tells it: a session under another name, and
// without a claim, since the server chose this phone itself.
type asked struct {
	Prompt string `json:"prompt"`
	Session
}

// Inbox is what the server asks of this phone without a code. Each statement has
// been checked against this phone and this server; one that is not right is an
// error, and nothing of the answer is used. Sessions out of it are confirmed and
// refused like scanned ones.
func (p *Phone) Inbox(ctx context.Context) ([]*Session, error) {
	var v struct {
		Items []json.RawMessage `json:"items"`
	}
	err := p.patiently(ctx, func() error { return p.callRaw(ctx, "GET", "/v1/phone/inbox", "", "", nil, &v) })
	if err != nil {
		return nil, err
	}
	var list []*Session
	for _, raw := range v.Items {
		n, err := readPrompt(raw)
		if err != nil {
			return nil, err
		}
		s := &Session{Prompted: true}
		if n.KeyRequest != nil {
			if s.key, err = p.keyFor(n.ID); err != nil {
				return nil, err
			}
		}
		if err := p.accept(s, n); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// readPrompt reads a prompt as the session that it is for the phone.
func readPrompt(body []byte) (Session, error) {
	var n asked
	if err := json.Unmarshal(body, &n); err != nil {
		return Session{}, fmt.Errorf("the server's answer cannot be read: %w", err)
	}
	if n.Session.ID != "" {
		return Session{}, errors.New("the server answered about a session, not a prompt")
	}
	n.Session.ID, n.Prompted = n.Prompt, true
	return n.Session, nil
}

// path is the address of what the server knows of s.
func (s *Session) path() string {
	if s.Prompted {
		return "/v1/phone/prompts/" + s.ID
	}
	return "/v1/phone/sessions/" + s.ID
}
