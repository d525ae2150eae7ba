package qr

import (
	"context"
	"errors"
	"time"

	"certlink/internal/effect"
	"certlink/store"
)

// pair counts the "not me" of holders against one account in one browser: the
// two that began the sessions. Neither the account's other browsers nor the
// office around it suffer.
type pair struct {
	ID       string              `json:"id"`
	NotMe    map[string]notMeAct `json:"not_me"` // by session, so that none counts twice
	Until    *time.Time          `json:"until,omitempty"`
	LastSeen time.Time           `json:"last_seen"`
}

type notMeAct struct {
	At time.Time `json:"at"`
	// Device that said it; "" for one of the account itself, each of whose words counts.
	Device string `json:"device,omitempty"`
}

// weight is how many words count: all of the account's own phones, and one of any
// other phone.
func (p *pair) weight() (n int) {
	strangers := map[string]bool{}
	for _, a := range p.NotMe {
		if a.Device == "" {
			n++
		} else {
			strangers[a.Device] = true
		}
	}
	return n + len(strangers)
}

const (
	pairCollection = "qr_pairs"
	notMeLimit     = 3
)

func pairRecord(s store.Store) store.Record[pair] {
	return store.Record[pair]{Store: s, Collection: pairCollection,
		ID: func(p *pair) string { return p.ID },
		Index: func(p *pair) map[string]string {
			return map[string]string{"due": store.TimeKey(p.LastSeen.Add(24 * time.Hour))}
		}}
}

func pairID(account, browser string) string { return account + "." + browser }

// blocked refuses a pair that holders have disowned.
func (v *Service) blocked(ctx context.Context, account, browser string) error {
	p, _, err := v.pairs.Get(ctx, pairID(account, browser))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if now := v.Clock(); p.Until != nil && now.Before(*p.Until) {
		return ErrPairBlocked.With("until", p.Until.UTC().Format(time.RFC3339)).After(p.Until.Sub(now))
	}
	return nil
}

// EffectNotMe is the kind of the effect that counts a "not me".
const EffectNotMe = "not_me"

// CarryNotMe is the relay's handler for EffectNotMe.
func (v *Service) CarryNotMe(ctx context.Context, e effect.Effect) error {
	s, _, err := v.course.Record.Get(ctx, e.Data["session"])
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return v.countNotMe(ctx, s)
}

// countNotMe counts one, if it came from a device that holds a certificate. Whoever
// stands by can get a certificate and photograph a screen, so a phone of another
// account counts once, however often it says so: alone it locks nobody out, while
// three people who were shown codes that they did not ask for end that.
func (v *Service) countNotMe(ctx context.Context, s *Session) error {
	holds, own, err := v.Holds(ctx, s.Device, s.Account)
	if err != nil || !holds {
		return err
	}
	now := v.Clock()
	said := notMeAct{At: now, Device: s.Device}
	if own {
		said.Device = ""
	}
	fresh := &pair{ID: pairID(s.Account, s.Browser), NotMe: map[string]notMeAct{}}
	err = v.pairs.Create(ctx, fresh)
	if err != nil && !errors.Is(err, store.ErrExists) {
		return err
	}
	_, err = v.pairs.Update(ctx, fresh.ID, func(p *pair) error {
		for k, n := range p.NotMe {
			if now.Sub(n.At) > 24*time.Hour {
				delete(p.NotMe, k)
			}
		}
		if _, counted := p.NotMe[s.ID]; counted {
			return store.ErrUnchanged
		}
		p.NotMe[s.ID] = said
		p.LastSeen = now
		// Those already counted stay, so that each further one blocks anew.
		if p.weight() >= notMeLimit {
			until := now.Add(v.Times.Block)
			p.Until = &until
		}
		return nil
	})
	return err
}

// SweepPairs forgets pairs that nothing was said of for a day.
func (v *Service) SweepPairs(ctx context.Context) error {
	old, _, err := v.pairs.Query(ctx, store.Query{Index: "due", Below: store.TimeKey(v.Clock()), Limit: 200})
	for _, p := range old {
		if err := ignore(v.Store.Delete(ctx, pairCollection, p.ID, 0), store.ErrNotFound); err != nil {
			return err
		}
	}
	return err
}
