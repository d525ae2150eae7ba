package alipay

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"certlink/cashier"
)

// Notice verifies a notice: a form, signed as a whole.
func (p *Provider) Notice(_ context.Context, _ func(string) string, body []byte) (*cashier.Notice, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	// What is signed is "a=1&b=2" in the order of the alphabet. A name that stands there
	// twice, or a value with & in it, could be read in two ways.
	for name, values := range form {
		if len(values) != 1 || strings.Contains(values[0], "&") || strings.ContainsAny(name, "&=") {
			return nil, fmt.Errorf("alipay: %.20q can be read in two ways", name)
		}
	}
	form.Del("alipay_cert_sn") // names a key; there is only one
	if form.Get("sign_type") != "RSA2" || form.Get("sign") == "" {
		return nil, errors.New("alipay: not signed by RSA2")
	}
	n, err := p.client.DecodeNotification(form)
	if err != nil {
		return nil, err
	}
	switch {
	case n.AppId != p.cfg.AppID || n.SellerId != p.cfg.SellerID:
		return nil, errors.New("alipay: a notice for another application or seller")
	case n.NotifyType != "trade_status_sync":
		return nil, fmt.Errorf("alipay: notify_type %q", n.NotifyType)
	}
	t, err := trade(n.OutTradeNo, string(n.TradeStatus), n.TradeNo, n.TotalAmount, cashier.Currency, n.GmtPayment)
	return &cashier.Notice{Trade: t}, err
}

// trade reads the state of a trade. One that was paid and wholly refunded is CLOSED
// there; a payment that has been told is not undone by that.
func trade(id, status, number, amount, currency, paidAt string) (*cashier.Trade, error) {
	t := &cashier.Trade{ID: id}
	switch status {
	case "WAIT_BUYER_PAY":
		t.State = cashier.TradeWaiting
	case "TRADE_CLOSED":
		t.State = cashier.TradeClosed
	case "TRADE_SUCCESS", "TRADE_FINISHED":
		fen, err := fen(amount)
		if err != nil || number == "" {
			return nil, fmt.Errorf("alipay: a payment without amount or number: %w", err)
		}
		at, err := time.ParseInLocation(time.DateTime, paidAt, china)
		if err != nil {
			return nil, fmt.Errorf("alipay: the time of payment: %w", err)
		}
		t.State, t.Payment = cashier.TradePaid, &cashier.Payment{Transaction: number, AmountFen: fen, Currency: currency, At: at.UTC()}
	default:
		return nil, fmt.Errorf("alipay: trade_status %q", status)
	}
	return t, nil
}

// yuan writes an amount as Alipay does, 12345 as 123.45.
func yuan(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// fen reads such an amount, without a float in between.
func fen(yuan string) (int64, error) {
	whole, cents, point := strings.Cut(yuan, ".")
	if len(whole) == 0 || len(whole) > 9 || len(cents) > 2 || point && cents == "" {
		return 0, fmt.Errorf("%q is not an amount", yuan)
	}
	for len(cents) < 2 {
		cents += "0"
	}
	n, err := strconv.ParseUint(whole+cents, 10, 63)
	return int64(n), err
}
