package wechat

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"certlink/cashier"
)

var ctx = context.Background()

const trade = "abcdefghijklmnopqrstuvwxyzt001"

func config(endpoint string) Config {
	return Config{MerchantID: merchant, AppID: app, Serial: serial, PrivateKey: privatePEM(merchantKey()), APIv3Key: v3key,
		PublicKeyID: publicID, PublicKey: publicPEM(wechatKey()), NoticeURL: notifyURL, Endpoint: endpoint}
}

func opened(t testing.TB, c Config) *Provider {
	t.Helper()
	p, err := New(c)
	check(t, err)
	return p
}

func charge() cashier.Charge {
	return cashier.Charge{ID: trade, AmountFen: 20000, Description: "CA介质 20261125000000000001", ExpiresAt: time.Now().Add(time.Hour)}
}

// With the public key, and with a platform certificate, as older merchants have.
func TestPays(t *testing.T) {
	for _, mode := range []string{"public key", "platform certificate"} {
		t.Run(mode, func(t *testing.T) {
			s, srv := serve(t)
			c := config(srv.URL)
			if mode != "public key" {
				c.PublicKey, c.PublicKeyID = "", ""
				c.PlatformCerts, s.number = platform(wechatKey())
			}
			p := opened(t, c)
			code, err := p.Start(ctx, charge())
			if err != nil || !strings.HasPrefix(code, "weixin://") {
				t.Fatal(code, err)
			}
			if q, err := p.Query(ctx, trade); err != nil || q.State != cashier.TradeWaiting {
				t.Fatal(q, err)
			}
			s.pays(trade)
			for _, ask := range []func(context.Context, string) (*cashier.Trade, error){p.Query, p.Close} { // closing comes too late
				q, err := ask(ctx, trade)
				check(t, err)
				want := cashier.Payment{Transaction: "4200001234202611251234567890", AmountFen: 20000, Currency: "CNY", At: time.Date(2026, 11, 25, 8, 30, 0, 0, time.UTC)}
				if q.State != cashier.TradePaid || *q.Payment != want {
					t.Fatalf("%+v %+v", q, q.Payment)
				}
			}
		})
	}
}

func TestCloses(t *testing.T) {
	_, srv := serve(t)
	p := opened(t, config(srv.URL))
	if q, err := p.Query(ctx, trade); err != nil || q.State != cashier.TradeNone {
		t.Fatal(q, err)
	}
	if q, err := p.Close(ctx, trade); err != nil || q.State != cashier.TradeClosed { // there is no code
		t.Fatal(q, err)
	}
	_, err := p.Start(ctx, charge())
	check(t, err)
	for range 2 {
		if q, err := p.Close(ctx, trade); err != nil || q.State != cashier.TradeClosed {
			t.Fatal(q, err)
		}
	}
	var refusal *cashier.Refusal
	blocked := charge()
	blocked.Description = "blocked"
	if _, err := p.Start(ctx, blocked); !errors.As(err, &refusal) {
		t.Fatal(err)
	}
	srv.Close()
	if q, err := p.Close(ctx, trade); err == nil || errors.As(err, &refusal) {
		t.Fatal("away, and still it knows:", q, err)
	}
}

func TestRefunds(t *testing.T) {
	s, srv := serve(t)
	p := opened(t, config(srv.URL))
	r := cashier.RefundOrder{ID: "abcdefghijklmnopqrstuvwxyzr001", Attempt: trade, PaidFen: 20000, AmountFen: 20000, Reason: "订单取消，退款"}
	for range 3 {
		if out, err := p.Refund(ctx, r); err != nil || out.State != cashier.RefundPending || out.ID != r.ID {
			t.Fatal(out, err)
		}
	}
	ordered := 0
	for _, q := range s.asked {
		if q == "POST /v3/refund/domestic/refunds" {
			ordered++
		}
	}
	if amount := s.refunds[r.ID]["amount"].(map[string]any); ordered != 1 || amount["refund"] != 20000.0 || amount["currency"] != "CNY" {
		t.Fatalf("ordered %d times: %v", ordered, amount)
	}
	for status, want := range map[string]cashier.RefundState{"SUCCESS": cashier.RefundDone, "ABNORMAL": cashier.RefundByHand, "CLOSED": cashier.RefundByHand} {
		s.mu.Lock()
		s.refunds[r.ID]["status"] = status
		s.mu.Unlock()
		if out, err := p.Refund(ctx, r); err != nil || out.State != want {
			t.Fatal(status, out, err)
		}
	}
	r.ID, r.Reason = "abcdefghijklmnopqrstuvwxyzr002", "poor"
	var refusal *cashier.Refusal
	if _, err := p.Refund(ctx, r); err == nil || errors.As(err, &refusal) { // the balance may suffice tomorrow
		t.Fatal(err)
	}
}

// An answer that WeChat Pay did not sign is believed by nobody.
func TestAnswersOfOthers(t *testing.T) {
	s, srv := serve(t)
	p := opened(t, config(srv.URL))
	_, err := p.Start(ctx, charge())
	check(t, err)
	s.pays(trade)
	s.key = strangerKey()
	if q, err := p.Query(ctx, trade); err == nil {
		t.Fatalf("believed %+v", q)
	}
	s.key = wechatKey()
	for name, change := range map[string]func(o map[string]any){
		"merchant": func(o map[string]any) { o["mchid"] = "1900009999" },
		"app":      func(o map[string]any) { o["appid"] = "wx0000000000000000" },
		"order":    func(o map[string]any) { o["out_trade_no"] = "abcdefghijklmnopqrstuvwxyzt002" },
		"amount":   func(o map[string]any) { delete(o, "amount") },
		"state":    func(o map[string]any) { o["trade_state"] = "GIFT" },
	} {
		s.mu.Lock()
		kept := maps.Clone(s.orders[trade])
		change(s.orders[trade])
		s.mu.Unlock()
		if q, err := p.Query(ctx, trade); err == nil {
			t.Errorf("another %s: believed %+v", name, q)
		}
		s.mu.Lock()
		s.orders[trade] = kept
		s.mu.Unlock()
	}
}

func transaction() map[string]any {
	return map[string]any{"mchid": merchant, "appid": app, "out_trade_no": trade, "transaction_id": "42", "trade_state": "SUCCESS",
		"success_time": "2026-11-25T16:30:00+08:00", "amount": map[string]any{"total": 20000, "payer_total": 19000, "currency": "CNY"}}
}

func TestNotices(t *testing.T) {
	s, srv := serve(t)
	p := opened(t, config(srv.URL))
	body, h := s.notice("TRANSACTION.SUCCESS", transaction())
	n, err := p.Notice(ctx, h.Get, body)
	check(t, err)
	// What the payer saved by a coupon is the merchant's all the same.
	if n.Trade.ID != trade || n.Trade.State != cashier.TradePaid || n.Trade.Payment.AmountFen != 20000 || n.Trade.Payment.Currency != "CNY" {
		t.Fatalf("%+v", n.Trade)
	}
	body, h = s.notice("REFUND.SUCCESS", map[string]any{"mchid": merchant, "out_trade_no": trade, "out_refund_no": "r", "refund_status": "SUCCESS"})
	if n, err = p.Notice(ctx, h.Get, body); err != nil || n.Refund.ID != "r" || n.Refund.State != cashier.RefundDone {
		t.Fatal(n, err)
	}
}

func TestForgedNotices(t *testing.T) {
	s, srv := serve(t)
	p := opened(t, config(srv.URL))
	body, good := s.notice("TRANSACTION.SUCCESS", transaction())
	_, err := p.Notice(ctx, good.Get, body)
	check(t, err)
	with := func(name, value string) http.Header {
		h := good.Clone()
		h.Set(name, value)
		return h
	}
	old := strconv.FormatInt(time.Now().Add(-6*time.Minute).Unix(), 10)
	stranger := &wechatPay{t: t, number: publicID, key: strangerKey()}
	foreign := transaction()
	foreign["mchid"] = "1900009999"
	foreignBody, foreignHeader := s.notice("TRANSACTION.SUCCESS", foreign)
	for name, n := range map[string]struct {
		header http.Header
		body   []byte
	}{
		"nothing":             {http.Header{}, body},
		"another body":        {good, append([]byte(" "), body...)},
		"another nonce":       {with("Wechatpay-Nonce", "x"), body},
		"another time":        {with("Wechatpay-Timestamp", old), body},
		"no time":             {with("Wechatpay-Timestamp", ""), body},
		"an old notice":       {s.signedAt(old, "n", body), body},
		"a stranger's key":    {stranger.signed(body), body},
		"another key's name":  {with("Wechatpay-Serial", "PUB_KEY_ID_X"), body},
		"a test of signature": {with("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+good.Get("Wechatpay-Signature")), body},
		"another algorithm":   {with("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3"), body},
		"another merchant":    {foreignHeader, foreignBody},
		"an unknown event":    {s.signed([]byte(`{"resource":{"nonce":"123456789012"}}`)), []byte(`{"resource":{"nonce":"123456789012"}}`)},
		"no resource":         {s.signed([]byte(`{}`)), []byte(`{}`)},
		"a short nonce":       {s.signed([]byte(`{"resource":{"nonce":"x"}}`)), []byte(`{"resource":{"nonce":"x"}}`)},
	} {
		if n, err := p.Notice(ctx, n.header.Get, n.body); err == nil {
			t.Errorf("%s: believed %+v", name, n)
		}
	}
}

func TestCheck(t *testing.T) {
	if wrong := (&Config{PublicKeyID: "x"}).Check(); len(wrong) != 7 {
		t.Fatalf("%d mistakes:\n%s", len(wrong), strings.Join(wrong, "\n"))
	}
	c := config("")
	if wrong := c.Check(); len(wrong) != 0 {
		t.Fatal(wrong)
	}
	c.PlatformCerts, c.PrivateKey = "x", publicPEM(merchantKey())
	wrong := strings.Join(c.Check(), "\n")
	if !strings.Contains(wrong, "PLATFORM_CERT_FILE") || !strings.Contains(wrong, "PRIVATE_KEY_FILE") {
		t.Fatal(wrong)
	}
}

// FuzzNotice signs whatever comes: behind a good signature, too, nothing may fall over.
func FuzzNotice(f *testing.F) {
	s := &wechatPay{t: f, number: publicID, key: wechatKey()}
	p := opened(f, config("http://127.0.0.1:1"))
	for _, event := range []string{"TRANSACTION.SUCCESS", "REFUND.CLOSED", ""} {
		body, _ := s.notice(event, transaction())
		f.Add(body)
	}
	f.Add([]byte(`{"resource":{"nonce":"123456789012","algorithm":"AEAD_AES_256_GCM","ciphertext":"AAAA"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s := &wechatPay{t: t, number: s.number, key: s.key}
		if n, err := p.Notice(ctx, s.signed(body).Get, body); err == nil && (n.Trade == nil) == (n.Refund == nil) {
			t.Fatalf("%q became %+v", body, n)
		}
		// And what the cipher text could hold, if somebody knew the key.
		if content, h := s.notice("TRANSACTION.SUCCESS", map[string]any{"x": string(body)}); len(body) < 1000 {
			if n, err := p.Notice(ctx, h.Get, content); err == nil {
				t.Fatalf("%q became %+v", body, n)
			}
		}
	})
}
