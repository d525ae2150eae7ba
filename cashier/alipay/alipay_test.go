package alipay

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"certlink/cashier"
)

var ctx = context.Background()

const (
	app       = "2021000000000001"
	seller    = "2088000000000001"
	trade1    = "abcdefghijklmnopqrstuvwxyzt001"
	notifyURL = "https://ca.example.cn/v1/payments/alipay/notice"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var appKey, alipayKey, strangerKey = sync.OnceValue(newKey), sync.OnceValue(newKey), sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func publicPEM(k *rsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func rsa2(k *rsa.PrivateKey, text string) string {
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(sig)
}

// ordered is what is signed of a form: its parts in the order of the alphabet.
func ordered(form url.Values, without ...string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if v := form.Get(name); !slices.Contains(without, name) && v != "" {
			parts = append(parts, name+"="+v)
		}
	}
	return strings.Join(parts, "&")
}

// gate is the interface as documented: it checks who asks, and signs what it says.
type gate struct {
	t   testing.TB
	key *rsa.PrivateKey

	mu     sync.Mutex
	codes  map[string]string // what was ordered: amount by trade
	trades map[string]string // what exists: state by trade
	// refunds that went through, by out_request_no.
	refunds map[string]string
	slow    bool
}

func serve(t testing.TB) (*gate, *Provider, *httptest.Server) {
	g := &gate{t: t, key: alipayKey(), codes: map[string]string{}, trades: map[string]string{}, refunds: map[string]string{}}
	srv := httptest.NewServer(g)
	t.Cleanup(srv.Close)
	p, err := New(config(srv.URL))
	check(t, err)
	return g, p, srv
}

func config(at string) Config {
	der := x509.MarshalPKCS1PrivateKey(appKey())
	return Config{AppID: app, SellerID: seller, PrivateKey: base64.StdEncoding.EncodeToString(der), PublicKey: publicPEM(alipayKey()),
		NoticeURL: notifyURL, Gateway: at}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	check(g.t, r.ParseForm())
	method := r.Form.Get("method")
	sum := sha256.Sum256([]byte(ordered(r.Form, "sign")))
	sig, err := base64.StdEncoding.DecodeString(r.Form.Get("sign"))
	if err != nil || rsa.VerifyPKCS1v15(&appKey().PublicKey, crypto.SHA256, sum[:], sig) != nil || r.Form.Get("app_id") != app || r.Form.Get("sign_type") != "RSA2" {
		g.say(w, method, map[string]any{"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-signature", "sub_msg": "验签出错"})
		return
	}
	var in map[string]any
	check(g.t, json.Unmarshal([]byte(r.Form.Get("biz_content")), &in))
	g.mu.Lock()
	defer g.mu.Unlock()
	g.say(w, method, g.answer(method, in, r.Form.Get("notify_url")))
}

func (g *gate) answer(method string, in map[string]any, notify string) map[string]any {
	id, _ := in["out_trade_no"].(string)
	out := map[string]any{"code": "10000", "msg": "Success", "out_trade_no": id, "trade_no": "2026112522001400000001"}
	refuse := func(code string) map[string]any {
		return map[string]any{"code": "40004", "msg": "Business Failed", "sub_code": code, "sub_msg": "交易不存在", "out_trade_no": id}
	}
	state, exists := g.trades[id]
	switch method {
	case "alipay.trade.precreate":
		if in["subject"] == "blocked" {
			return refuse("ACQ.ACCESS_FORBIDDEN")
		}
		if notify != notifyURL || in["seller_id"] != seller || strings.ContainsAny(in["subject"].(string), "/=&") {
			return refuse("ACQ.INVALID_PARAMETER")
		}
		g.codes[id] = in["total_amount"].(string)
		out["qr_code"] = "https://qr.alipay.com/" + id
		return out
	case "alipay.trade.refund":
		if in["refund_reason"] == "late" {
			return refuse("ACQ.TRADE_HAS_FINISHED")
		}
		no := in["out_request_no"].(string)
		out["fund_change"] = "N"
		if g.refunds[no] == "" && !g.slow {
			out["fund_change"] = "Y"
			g.refunds[no] = in["refund_amount"].(string)
		}
		return out
	case "alipay.trade.fastpay.refund.query":
		no := in["out_request_no"].(string)
		if g.refunds[no] != "" {
			out["out_request_no"], out["refund_status"] = no, "REFUND_SUCCESS"
		}
		return out
	}
	if !exists {
		return refuse("ACQ.TRADE_NOT_EXIST")
	}
	switch method {
	case "alipay.trade.close":
		if state != "WAIT_BUYER_PAY" {
			return refuse("ACQ.TRADE_STATUS_ERROR")
		}
		g.trades[id] = "TRADE_CLOSED"
	case "alipay.trade.query":
		out["trade_status"], out["total_amount"], out["send_pay_date"] = state, g.codes[id], "2026-11-25 16:30:00"
	}
	return out
}

func (g *gate) say(w http.ResponseWriter, method string, v map[string]any) {
	body, err := json.Marshal(v)
	check(g.t, err)
	sign, _ := json.Marshal(rsa2(g.key, string(body)))
	io.WriteString(w, `{"`+strings.ReplaceAll(method, ".", "_")+`_response":`+string(body)+`,"sign":`+string(sign)+`}`)
}

func (g *gate) becomes(state string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.trades[trade1] = state
}

func charge() cashier.Charge {
	return cashier.Charge{ID: trade1, AmountFen: 20005, Description: "CA介质 20261125", ExpiresAt: time.Now().Add(time.Hour)}
}

func TestPays(t *testing.T) {
	g, p, _ := serve(t)
	code, err := p.Start(ctx, charge())
	if err != nil || code != "https://qr.alipay.com/"+trade1 || g.codes[trade1] != "200.05" {
		t.Fatal(code, err, g.codes)
	}
	// Nobody has scanned it: there is no trade, and nothing to close.
	for _, ask := range []func(context.Context, string) (*cashier.Trade, error){p.Query, p.Close} {
		if q, err := ask(ctx, trade1); err != nil || q.State != cashier.TradeNone {
			t.Fatal(q, err)
		}
	}
	g.becomes("WAIT_BUYER_PAY")
	if q, err := p.Query(ctx, trade1); err != nil || q.State != cashier.TradeWaiting {
		t.Fatal(q, err)
	}
	for _, state := range []string{"TRADE_SUCCESS", "TRADE_FINISHED"} {
		g.becomes(state)
		for _, ask := range []func(context.Context, string) (*cashier.Trade, error){p.Query, p.Close} {
			q, err := ask(ctx, trade1)
			check(t, err)
			want := cashier.Payment{Transaction: "2026112522001400000001", AmountFen: 20005, Currency: "CNY", At: time.Date(2026, 11, 25, 8, 30, 0, 0, time.UTC)}
			if q.State != cashier.TradePaid || *q.Payment != want {
				t.Fatalf("%+v %+v", q, q.Payment)
			}
		}
	}
	g.becomes("WAIT_BUYER_PAY")
	for range 2 {
		if q, err := p.Close(ctx, trade1); err != nil || q.State != cashier.TradeClosed {
			t.Fatal(q, err)
		}
	}
	var refusal *cashier.Refusal
	blocked := charge()
	blocked.Description = "blocked"
	if _, err := p.Start(ctx, blocked); !errors.As(err, &refusal) {
		t.Fatal(err)
	}
}

func TestRefunds(t *testing.T) {
	g, p, _ := serve(t)
	r := cashier.RefundOrder{ID: "abcdefghijklmnopqrstuvwxyzr001", Attempt: trade1, PaidFen: 20005, AmountFen: 20005, Reason: "订单取消"}
	g.slow = true
	if out, err := p.Refund(ctx, r); err != nil || out.State != cashier.RefundPending {
		t.Fatal(out, err)
	}
	g.slow = false
	for range 3 {
		if out, err := p.Refund(ctx, r); err != nil || out.State != cashier.RefundDone || out.ID != r.ID {
			t.Fatal(out, err)
		}
	}
	if g.refunds[r.ID] != "200.05" || len(g.refunds) != 1 {
		t.Fatal(g.refunds)
	}
	r.Reason = "late"
	var refusal *cashier.Refusal
	if _, err := p.Refund(ctx, r); !errors.As(err, &refusal) {
		t.Fatal(err)
	}
}

func TestAnswersOfOthers(t *testing.T) {
	g, p, srv := serve(t)
	_, err := p.Start(ctx, charge())
	check(t, err)
	g.becomes("TRADE_SUCCESS")
	g.key = strangerKey()
	if q, err := p.Query(ctx, trade1); err == nil {
		t.Fatalf("believed %+v", q)
	}
	if q, err := p.Close(ctx, trade1); err == nil {
		t.Fatalf("believed %+v", q)
	}
	g.key = alipayKey()
	srv.Close()
	var refusal *cashier.Refusal
	if _, err := p.Close(ctx, trade1); err == nil || errors.As(err, &refusal) {
		t.Fatal(err)
	}
}

func form() url.Values {
	return url.Values{"app_id": {app}, "seller_id": {seller}, "notify_type": {"trade_status_sync"}, "trade_status": {"TRADE_SUCCESS"},
		"out_trade_no": {trade1}, "trade_no": {"42"}, "total_amount": {"200.05"}, "gmt_payment": {"2026-11-25 16:30:00"}, "charset": {"utf-8"},
		"sign_type": {"RSA2"}, "fund_bill_list": {`[{"amount":"200.05","fundChannel":"ALIPAYACCOUNT"}]`}, "subject": {"CA介质 20261125"}}
}

func signed(k *rsa.PrivateKey, f url.Values) []byte {
	f.Set("sign", rsa2(k, ordered(f, "sign", "sign_type")))
	return []byte(f.Encode())
}

func none(string) string { return "" }

func TestNotices(t *testing.T) {
	_, p, _ := serve(t)
	n, err := p.Notice(ctx, none, signed(alipayKey(), form()))
	check(t, err)
	if n.Trade.ID != trade1 || n.Trade.State != cashier.TradePaid || n.Trade.Payment.AmountFen != 20005 {
		t.Fatalf("%+v", n.Trade)
	}
	closed := form()
	closed.Set("trade_status", "TRADE_CLOSED")
	if n, err = p.Notice(ctx, none, signed(alipayKey(), closed)); err != nil || n.Trade.State != cashier.TradeClosed {
		t.Fatal(n, err)
	}
	good := string(signed(alipayKey(), form()))
	other := func(name, value string) []byte {
		f := form()
		f.Set(name, value)
		return signed(alipayKey(), f)
	}
	for name, body := range map[string][]byte{
		"nothing":              nil,
		"a stranger's key":     signed(strangerKey(), form()),
		"another amount":       []byte(strings.Replace(good, "200.05", "200.06", 1)),
		"no signature":         []byte(form().Encode()),
		"SHA-1":                other("sign_type", "RSA"),
		"a second amount":      []byte(good + "&total_amount=1.00"),
		"two parts in one":     other("subject", "x&total_amount=1.00"),
		"another application":  other("app_id", "2021000000000002"),
		"another seller":       other("seller_id", "2088000000000002"),
		"another kind":         other("notify_type", "dut_user_sign"),
		"no amount":            other("total_amount", ""),
		"an amount of letters": other("total_amount", "1e3"),
		"no time":              other("gmt_payment", "yesterday"),
		"an unknown state":     other("trade_status", "TRADE_GIFT"),
	} {
		if n, err := p.Notice(ctx, none, body); err == nil {
			t.Errorf("%s: believed %+v", name, n.Trade)
		}
	}
}

func TestAmounts(t *testing.T) {
	for text, want := range map[string]int64{"0.01": 1, "1": 100, "1.5": 150, "200.05": 20005, "999999999.99": 99999999999} {
		if got, err := fen(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ".5", "1.", "1.234", "-1", "+1", "1e3", "1_0", "１", "9999999999", "1.-1", " 1"} {
		if got, err := fen(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
	for n := range int64(1000) {
		if got, err := fen(yuan(n * 37)); err != nil || got != n*37 {
			t.Fatal(n, got, err)
		}
	}
}

func TestCheck(t *testing.T) {
	if wrong := (&Config{}).Check(); len(wrong) != 3 {
		t.Fatalf("%d mistakes:\n%s", len(wrong), strings.Join(wrong, "\n"))
	}
	c := config("")
	if wrong := c.Check(); len(wrong) != 0 {
		t.Fatal(wrong)
	}
	c.PublicKey = "x"
	if wrong := c.Check(); len(wrong) != 1 || !strings.HasPrefix(wrong[0], "PUBLIC_KEY_FILE") {
		t.Fatal(wrong)
	}
}

func FuzzNotice(f *testing.F) {
	p, err := New(config("http://127.0.0.1:1"))
	check(f, err)
	good := form()
	good.Del("sign_type")
	f.Add(good.Encode())
	f.Add("total_amount=1&out_trade_no=" + trade1)
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := p.Notice(ctx, none, []byte(text)); err == nil {
			t.Fatalf("unsigned, and believed: %+v", n.Trade)
		}
		in, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		in.Set("sign_type", "RSA2")
		if n, err := p.Notice(ctx, none, signed(alipayKey(), in)); err == nil && (n.Trade == nil || n.Trade.State == cashier.TradePaid && n.Trade.Payment.AmountFen < 0) {
			t.Fatalf("%q became %+v", text, n.Trade)
		}
	})
}
