// Package bridge stands between portals in a browser and the tokens of this machine.
//
// It serves pages of the origins that an administrator has listed, and of these only
// the ones that the person at the desktop has paired. It signs statements, whose
// audience must be the page's origin, and nothing else; it decrypts challenges of
// rehearsals for that audience, and tells their digest only. The PIN is typed into a
// window of the system's, goes to the token, and nowhere else.
//
// Handle takes one message whatever brought it; http.go is the carrier that browsers
// have today. Native messaging would be another.
package bridge

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"certlink/internal/clock"
	"certlink/internal/fault"
	"certlink/ukey"
	"certlink/ukey/dialog"
	"certlink/ukey/profile"
)

// Protocol is the version of the messages.
const Protocol = 1

// Library is one vendor's library at work.
type Library struct {
	Profile *profile.Profile
	Module  ukey.Module
}

// Config wires a Service.
type Config struct {
	Version   string
	Origins   []string
	Libraries []Library
	Ask       dialog.Asker
	Pairs     *Pairs
	Audit     *Audit
	Clock     clock.Clock
	Log       *slog.Logger
	// Look is the pause between two looks at what is plugged in, while a page watches.
	Look time.Duration
}

// Service answers messages.
type Service struct {
	Config
	operation sync.Mutex // one window on the desktop at a time
	watch     watchers
	looks     singleflight.Group // by profile

	mu      sync.Mutex
	refused map[string]time.Time // origin → when its pairing was refused
}

// New makes the service.
func New(c Config) *Service {
	if c.Clock == nil {
		c.Clock = clock.System
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Look == 0 {
		c.Look = time.Second
	}
	return &Service{Config: c, refused: map[string]time.Time{}}
}

// Message is what a page may send.
type Message struct {
	Type string `json:"type"` // hello, pair, unpair, tokens, sign, rehearse
	// Language is that of the windows: zh-CN, or en.
	Language string `json:"language,omitempty"`
	// Of sign: the token and the certificate as tokens named them, and the canonical
	// bytes of the statement in base64url.
	Token       string `json:"token,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Statement   string `json:"statement,omitempty"`
	// Challenge, of rehearse, is what was encrypted to the certificate, in base64.
	Challenge string `json:"challenge,omitempty"`
}

// Allowed says whether an administrator has listed the origin.
func (s *Service) Allowed(origin string) bool {
	for _, o := range s.Origins {
		if o == origin {
			return true
		}
	}
	return false
}

// Hello is the answer to hello. It tells nothing of tokens.
type Hello struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Protocol int    `json:"protocol"`
	Paired   bool   `json:"paired"`
}

// Handle answers one message of a page of origin, which holds secret if it is paired.
func (s *Service) Handle(ctx context.Context, origin, secret string, m *Message) (any, error) {
	if !s.Allowed(origin) {
		return nil, ErrNobody
	}
	paired := s.Pairs.Known(origin, secret)
	switch m.Type {
	case "hello":
		return Hello{"certlink-bridge", s.Version, Protocol, paired}, nil
	case "pair":
		return s.pair(ctx, origin, m.Language)
	}
	if !paired {
		return nil, ErrNotPaired
	}
	switch m.Type {
	case "unpair":
		s.record(Entry{Act: "unpaired", Origin: origin})
		return struct{}{}, s.Pairs.Remove(origin)
	case "tokens":
		return s.Tokens(ctx), nil
	case "sign":
		return s.sign(ctx, origin, m)
	case "rehearse":
		return s.rehearse(ctx, origin, m)
	}
	return nil, ErrRequest.Becausef("no message %q", m.Type)
}

// pairRest is how long a refused site may not ask again.
const pairRest = 20 * time.Second

func (s *Service) pair(ctx context.Context, origin, language string) (any, error) {
	s.mu.Lock()
	at, again := s.refused[origin]
	s.mu.Unlock()
	now := s.Clock()
	if again && now.Sub(at) < pairRest {
		return nil, ErrPairWait.After(pairRest - now.Sub(at))
	}
	if !s.operation.TryLock() {
		return nil, ErrBusy
	}
	defer s.operation.Unlock()
	yes, err := s.Ask.Confirm(ctx, pairQuestion(origin, language))
	if err != nil {
		return nil, answered(err)
	}
	if !yes {
		s.mu.Lock()
		s.refused[origin] = s.Clock()
		s.mu.Unlock()
		return nil, ErrPairRefused
	}
	secret, err := s.Pairs.Add(origin, s.Clock())
	if err != nil {
		return nil, err
	}
	s.record(Entry{Act: "paired", Origin: origin})
	return map[string]string{"secret": secret}, nil
}

// answered makes a refusal of a window that was closed because nobody waits.
func answered(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return dialog.ErrCancelled.Because(err)
	}
	return err
}

// record writes to the audit file. What cannot be recorded is not kept from
// happening: a full disk must not take the U-Key away; it is logged.
func (s *Service) record(e Entry) {
	e.At = s.Clock().UTC()
	if err := s.Audit.Write(e); err != nil {
		s.Log.Error("the audit file cannot be written", "err", err)
	}
}

// Refused records what was refused.
func (s *Service) Refused(act, origin, host string, err error) {
	e := Entry{Act: "refused", Origin: origin, Host: host, Purpose: act}
	if f := fault.Of(err); f != nil {
		e.Code, e.Vendor = f.Code, f.Extra["vendor_code"]
	}
	s.record(e)
	s.Log.Info("refused", "act", act, "origin", short(origin), "code", e.Code, "err", err)
}
