package sandbox

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"certlink/cashier"
	"certlink/internal/fault"
)

// ErrTrade refuses an act that the trade is past.
var ErrTrade = fault.New(fault.Conflict, "sandbox_trade_over",
	"这笔沙盒交易不存在或已结束。请回到收银台查看订单状态。",
	"This trade of the sandbox does not exist, or is over. Go back to the cashier to see how the order stands.")

// Act is what the payer does.
type Act string

// The acts.
const (
	Pay     Act = "pay"   // pays; the notice comes at once
	PayLate Act = "late"  // pays; the notice comes so late that certlink must ask
	Fail    Act = "fail"  // the bank refuses; the trade is over
	Twice   Act = "twice" // pays; the notice comes twice
)

// late is how long a late notice is held back.
const late = 2 * time.Minute

// Look finds a trade for its page.
func (s *Service) Look(id string) (Trade, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.trades[id]
	if t == nil {
		return Trade{}, ErrTrade
	}
	return *t, nil
}

// Do lets the payer act.
func (s *Service) Do(ctx context.Context, id string, act Act) error {
	s.mu.Lock()
	t := s.trades[id]
	now := s.cfg.Clock()
	if t == nil || t.State != cashier.TradeWaiting || !now.Before(t.ExpiresAt) {
		s.mu.Unlock()
		return ErrTrade
	}
	due := now
	switch act {
	case Pay, Twice:
		t.State, t.PaidAt = cashier.TradePaid, &now
	case PayLate:
		t.State, t.PaidAt = cashier.TradePaid, &now
		due = now.Add(late)
	case Fail:
		t.State = cashier.TradeClosed
	default:
		s.mu.Unlock()
		return ErrTrade
	}
	t.Due = &due
	err := s.keep()
	s.mu.Unlock()
	if err != nil || act == PayLate {
		return err
	}
	s.Notify(ctx)
	if act == Twice {
		s.again(id, now)
		s.Notify(ctx)
	}
	return nil
}

func (s *Service) again(id string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trades[id].Due = &at
}

// Notify sends the notices that are due; one that is not taken is sent again later.
func (s *Service) Notify(ctx context.Context) {
	s.mu.Lock()
	now := s.cfg.Clock()
	var due []*cashier.Trade
	for _, t := range s.trades {
		if t.Due != nil && !now.Before(*t.Due) {
			due = append(due, t.report())
		}
	}
	s.mu.Unlock()
	for _, t := range due {
		err := s.send(ctx, t)
		s.mu.Lock()
		own := s.trades[t.ID]
		if next := now.Add(time.Second << min(own.Tries, 10)); err != nil {
			own.Due, own.Tries = &next, own.Tries+1
		} else {
			own.Due = nil
		}
		_ = s.keep() // written with the next change, if not now
		s.mu.Unlock()
	}
}

func (s *Service) send(ctx context.Context, t *cashier.Trade) error {
	body, err := json.Marshal(t)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.NoticeURL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	unix, signature := sign(s.key, s.cfg.Clock(), "notice", body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(headerTime, unix)
	req.Header.Set(headerSignature, signature)
	resp, err := s.cfg.Client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the merchant answered %d", resp.StatusCode)
	}
	return nil
}

// public is what notices and answers are verified with.
func (s *Service) public() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }
