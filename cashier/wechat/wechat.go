package wechat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"
	"github.com/wechatpay-apiv3/wechatpay-go/core/option"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/native"
	"github.com/wechatpay-apiv3/wechatpay-go/services/refunddomestic"

	"certlink/cashier"
)

// Name of the provider.
const Name = "wechat"

// Provider is the cashier.Provider of a merchant.
type Provider struct {
	cfg     Config
	trades  native.NativeApiService
	refunds refunddomestic.RefundsApiService
	notices *notify.Handler
}

// New makes the provider; nothing is asked of WeChat Pay yet.
func New(c Config) (*Provider, error) {
	k, wrong := c.load()
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, "\n"))
	}
	client := c.Client
	if client == nil {
		client = &http.Client{Timeout: 10 * time.Second}
	}
	if c.Endpoint != "" {
		to, err := url.Parse(c.Endpoint)
		if err != nil || to.Host == "" {
			return nil, fmt.Errorf("ENDPOINT %q is not an origin", c.Endpoint)
		}
		moved := *client
		moved.Transport = elsewhere{to, client.Transport}
		client = &moved
	}
	verifier := k.verifier(c.PublicKeyID)
	wire, err := core.NewClient(context.Background(), option.WithMerchantCredential(c.MerchantID, c.Serial, k.private),
		option.WithVerifier(verifier), option.WithHTTPClient(client))
	if err != nil {
		return nil, err
	}
	aead, err := cipherOf(c.APIv3Key)
	if err != nil {
		return nil, err
	}
	return &Provider{cfg: c, trades: native.NativeApiService{Client: wire}, refunds: refunddomestic.RefundsApiService{Client: wire},
		notices: notify.NewEmptyHandler().AddRSAWithAESGCM(verifier, aead)}, nil
}

func (k *keys) verifier(id string) auth.Verifier {
	if k.public == nil {
		return verifiers.NewSHA256WithRSAVerifier(core.NewCertificateMapWithList(k.platform))
	}
	if len(k.platform) == 0 {
		return verifiers.NewSHA256WithRSAPubkeyVerifier(id, *k.public)
	}
	// A merchant on the way from certificates to the key: both are seen for a while.
	return verifiers.NewSHA256WithRSACombinedVerifier(core.NewCertificateMapWithList(k.platform), id, *k.public)
}

// elsewhere sends to another origin what is meant for WeChat Pay's own; what is
// signed names no host.
type elsewhere struct {
	to   *url.URL
	next http.RoundTripper
}

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	c := r.Clone(r.Context())
	c.URL.Scheme, c.URL.Host, c.Host = e.to.Scheme, e.to.Host, e.to.Host
	if e.next == nil {
		return http.DefaultTransport.RoundTrip(c)
	}
	return e.next.RoundTrip(c)
}

func (p *Provider) Name() string { return Name }

// CodeLife is that of a code_url.
func (p *Provider) CodeLife() time.Duration { return 2 * time.Hour }

func (p *Provider) Taken() (string, string) {
	return "application/json", `{"code":"SUCCESS","message":""}`
}

// Start orders a code. The same order once more gives the same code again.
func (p *Provider) Start(ctx context.Context, c cashier.Charge) (string, error) {
	resp, _, err := p.trades.Prepay(ctx, native.PrepayRequest{
		Appid: &p.cfg.AppID, Mchid: &p.cfg.MerchantID, Description: core.String(cut(c.Description, 127)), OutTradeNo: &c.ID,
		TimeExpire: &c.ExpiresAt, NotifyUrl: &p.cfg.NoticeURL,
		Amount: &native.Amount{Total: &c.AmountFen, Currency: core.String(cashier.Currency)},
	})
	if err != nil {
		return "", final(err, "PARAM_ERROR", "NO_AUTH", "INVALID_REQUEST", "RULE_LIMIT", "APPID_MCHID_NOT_MATCH", "MCH_NOT_EXISTS")
	}
	if resp.CodeUrl == nil || *resp.CodeUrl == "" {
		return "", errors.New("wechat: an answer without code_url")
	}
	return *resp.CodeUrl, nil
}

func (p *Provider) Query(ctx context.Context, attempt string) (*cashier.Trade, error) {
	t, _, err := p.trades.QueryOrderByOutTradeNo(ctx, native.QueryOrderByOutTradeNoRequest{OutTradeNo: &attempt, Mchid: &p.cfg.MerchantID})
	if is(err, "ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS") {
		return &cashier.Trade{ID: attempt, State: cashier.TradeNone}, nil
	}
	if err != nil {
		return nil, err
	}
	return p.trade(t, attempt)
}

// Close makes sure that the code cannot be paid; where that fails, because it has
// been paid or never was, the trade is asked for.
func (p *Provider) Close(ctx context.Context, attempt string) (*cashier.Trade, error) {
	_, err := p.trades.CloseOrder(ctx, native.CloseOrderRequest{OutTradeNo: &attempt, Mchid: &p.cfg.MerchantID})
	if err == nil {
		return &cashier.Trade{ID: attempt, State: cashier.TradeClosed}, nil
	}
	var refused *core.APIError
	if !errors.As(err, &refused) {
		return nil, err
	}
	t, queryErr := p.Query(ctx, attempt)
	switch {
	case queryErr != nil:
		return nil, errors.Join(err, queryErr)
	case t.State == cashier.TradeNone:
		t.State = cashier.TradeClosed // without an order there is no code
	case t.State == cashier.TradeWaiting:
		return nil, err
	}
	return t, nil
}

// trade reads a transaction, of a query or of a notice, and holds it against the
// merchant and, unless it is "", the attempt.
func (p *Provider) trade(t *payments.Transaction, attempt string) (*cashier.Trade, error) {
	switch {
	case value(t.Mchid) != p.cfg.MerchantID || value(t.Appid) != p.cfg.AppID:
		return nil, errors.New("wechat: a transaction of another merchant or app")
	case value(t.OutTradeNo) == "" || attempt != "" && value(t.OutTradeNo) != attempt:
		return nil, errors.New("wechat: a transaction of another order")
	}
	out := &cashier.Trade{ID: value(t.OutTradeNo), State: cashier.TradeWaiting}
	switch value(t.TradeState) {
	case "SUCCESS", "REFUND":
		if t.Amount == nil || t.Amount.Total == nil || value(t.TransactionId) == "" {
			return nil, errors.New("wechat: a payment without amount or number")
		}
		at, err := time.Parse(time.RFC3339, value(t.SuccessTime))
		if err != nil {
			return nil, fmt.Errorf("wechat: success_time: %w", err)
		}
		currency := value(t.Amount.Currency)
		if currency == "" {
			currency = cashier.Currency // may be left out
		}
		out.State = cashier.TradePaid
		out.Payment = &cashier.Payment{Transaction: *t.TransactionId, AmountFen: *t.Amount.Total, Currency: currency, At: at.UTC()}
	case "CLOSED", "REVOKED":
		out.State = cashier.TradeClosed
	case "NOTPAY", "USERPAYING", "PAYERROR":
		// A payment that failed can be tried again with the same code.
	default:
		return nil, fmt.Errorf("wechat: trade_state %q", value(t.TradeState))
	}
	return out, nil
}

// is says whether WeChat Pay answered with one of the codes.
func is(err error, codes ...string) bool {
	var refused *core.APIError
	if !errors.As(err, &refused) {
		return false
	}
	for _, c := range codes {
		if refused.Code == c {
			return true
		}
	}
	return false
}

// final makes a refusal of an error with one of the codes.
func final(err error, codes ...string) error {
	var refused *core.APIError
	if is(err, codes...) && errors.As(err, &refused) {
		return &cashier.Refusal{Note: refused.Code + " " + refused.Message}
	}
	return err
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// cut shortens a text to bytes, between characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
