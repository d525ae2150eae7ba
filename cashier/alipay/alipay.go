// Package alipay takes money by Alipay's precreate (当面付): a code that the payer
// scans. It knows the SDK, the signatures and the words of that interface.
package alipay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	sdk "github.com/smartwalle/alipay/v3"

	"certlink/cashier"
)

// Name of the provider.
const Name = "alipay"

// Config is an application at Alipay, with keys (公钥模式). The names in the comments
// are those of the settings, after CERTLINK_ALIPAY_.
type Config struct {
	AppID      string // APP_ID
	SellerID   string // SELLER_ID, the merchant's PID
	PrivateKey string // PRIVATE_KEY_FILE, of the application
	PublicKey  string // PUBLIC_KEY_FILE, Alipay's own
	// NoticeURL is where notices come to.
	NoticeURL string
	// Gateway is the address of the interface; "" for Alipay's own.
	Gateway string // GATEWAY
	Client  *http.Client
}

const gateway = "https://openapi.alipay.com/gateway.do"

var (
	appPattern    = regexp.MustCompile(`^[0-9]{16}$`)
	sellerPattern = regexp.MustCompile(`^2088[0-9]{12}$`)
)

// Check names every mistake, each beginning with the setting's name.
func (c *Config) Check() (wrong []string) {
	_, wrong = c.open()
	return wrong
}

func (c *Config) open() (client *sdk.Client, wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !appPattern.MatchString(c.AppID) {
		bad("APP_ID %q is not an application id of 16 figures", c.AppID)
	}
	if !sellerPattern.MatchString(c.SellerID) {
		bad("SELLER_ID %q is not a merchant's PID: 16 figures, beginning with 2088", c.SellerID)
	}
	to := c.Gateway
	if to == "" {
		to = gateway
	}
	http := c.Client
	if http == nil {
		http = defaultClient
	}
	// The SDK's "sandbox" differs from its "production" in the address, which we name,
	// and in that it fetches no certificates on the word of whoever sends a notice.
	client, err := sdk.New(c.AppID, c.PrivateKey, false, sdk.WithSandboxGateway(to), sdk.WithHTTPClient(http), sdk.WithTimeLocation(china))
	if err != nil {
		bad("PRIVATE_KEY_FILE holds no RSA private key (PKCS#1 or PKCS#8, PEM or base64)")
		return nil, wrong
	}
	if err := client.LoadAliPayPublicKey(c.PublicKey); err != nil || c.PublicKey == "" {
		bad("PUBLIC_KEY_FILE holds no RSA public key (PEM or base64): the one that Alipay shows for the application")
	}
	return client, wrong
}

var (
	defaultClient = &http.Client{Timeout: 10 * time.Second}
	china         = time.FixedZone("CST", 8*3600)
)

// Provider is the cashier.Provider of an application.
type Provider struct {
	cfg    Config
	client *sdk.Client
}

// New makes the provider; nothing is asked of Alipay yet.
func New(c Config) (*Provider, error) {
	client, wrong := c.open()
	if len(wrong) > 0 {
		return nil, errors.New(strings.Join(wrong, "\n"))
	}
	return &Provider{c, client}, nil
}

func (p *Provider) Name() string { return Name }

// CodeLife is short on purpose: a code that nobody has scanned cannot be called in,
// only waited for.
func (p *Provider) CodeLife() time.Duration { return 15 * time.Minute }

func (p *Provider) Taken() (string, string) { return "text/plain", "success" }

// Start orders a code. The trade exists only when it is scanned.
func (p *Provider) Start(ctx context.Context, c cashier.Charge) (string, error) {
	r := sdk.TradePreCreate{}
	r.NotifyURL, r.Subject, r.OutTradeNo, r.TotalAmount = p.cfg.NoticeURL, plain(c.Description), c.ID, yuan(c.AmountFen)
	r.ProductCode, r.SellerId, r.TimeExpire = "FACE_TO_FACE_PAYMENT", p.cfg.SellerID, c.ExpiresAt.In(china).Format(time.DateTime)
	resp, err := p.client.TradePreCreate(ctx, r)
	switch {
	case err != nil:
		return "", err
	case resp.IsFailure():
		return "", final(resp.Error)
	case resp.OutTradeNo != c.ID || resp.QRCode == "":
		return "", errors.New("alipay: an answer without qr_code, or about another trade")
	}
	return resp.QRCode, nil
}

func (p *Provider) Query(ctx context.Context, attempt string) (*cashier.Trade, error) {
	resp, err := p.client.TradeQuery(ctx, sdk.TradeQuery{OutTradeNo: attempt})
	switch {
	case err != nil:
		return nil, err
	case resp.SubCode == notExist:
		return &cashier.Trade{ID: attempt, State: cashier.TradeNone}, nil
	case resp.IsFailure():
		return nil, resp.Error
	case resp.OutTradeNo != attempt:
		return nil, errors.New("alipay: an answer about another trade")
	}
	currency := resp.TransCurrency
	if currency == "" {
		currency = cashier.Currency
	}
	return trade(attempt, string(resp.TradeStatus), resp.TradeNo, resp.TotalAmount, currency, resp.SendPayDate)
}

// Close makes sure that a trade cannot be paid. One that does not exist yet is
// answered as such: its code may still be scanned.
func (p *Provider) Close(ctx context.Context, attempt string) (*cashier.Trade, error) {
	resp, err := p.client.TradeClose(ctx, sdk.TradeClose{OutTradeNo: attempt})
	switch {
	case err != nil:
		return nil, err
	case resp.IsSuccess():
		return &cashier.Trade{ID: attempt, State: cashier.TradeClosed}, nil
	case resp.SubCode == notExist:
		return &cashier.Trade{ID: attempt, State: cashier.TradeNone}, nil
	}
	t, err := p.Query(ctx, attempt)
	if err != nil {
		return nil, errors.Join(resp.Error, err)
	}
	if t.State == cashier.TradeWaiting {
		return nil, resp.Error
	}
	return t, nil
}

// Refund is idempotent at Alipay by out_request_no.
func (p *Provider) Refund(ctx context.Context, r cashier.RefundOrder) (*cashier.RefundReport, error) {
	resp, err := p.client.TradeRefund(ctx, sdk.TradeRefund{OutTradeNo: r.Attempt, OutRequestNo: r.ID, RefundAmount: yuan(r.AmountFen), RefundReason: plain(r.Reason)})
	switch {
	case err != nil:
		return nil, err
	case resp.IsFailure():
		return nil, final(resp.Error)
	case resp.OutTradeNo != r.Attempt:
		return nil, errors.New("alipay: an answer about another trade")
	}
	// fund_change=N is a repeat, or a refund that has not gone through: only the query
	// tells the two apart.
	if resp.FundChange == "Y" {
		return &cashier.RefundReport{ID: r.ID, State: cashier.RefundDone}, nil
	}
	q, err := p.client.TradeFastPayRefundQuery(ctx, sdk.TradeFastPayRefundQuery{OutTradeNo: r.Attempt, OutRequestNo: r.ID})
	switch {
	case err != nil:
		return nil, err
	case q.IsFailure():
		return nil, q.Error
	case q.OutRequestNo == r.ID && q.RefundStatus == "REFUND_SUCCESS":
		return &cashier.RefundReport{ID: r.ID, State: cashier.RefundDone}, nil
	}
	return &cashier.RefundReport{ID: r.ID, State: cashier.RefundPending}, nil
}

const notExist = "ACQ.TRADE_NOT_EXIST"

// final tells what no repetition can mend.
func final(e sdk.Error) error {
	switch e.SubCode {
	case "ACQ.INVALID_PARAMETER", "ACQ.ACCESS_FORBIDDEN", "ACQ.TRADE_HAS_FINISHED",
		"ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "ACQ.TOTAL_FEE_EXCEED", "ACQ.REASON_TRADE_REFUND_FEE_ERR", "ACQ.TRADE_HAS_CLOSE",
		"ACQ.REFUND_FEE_ERROR", "ACQ.BUYER_NOT_EXIST", "ACQ.PARTNER_ERROR", "ACQ.SELLER_NOT_EXIST":
		return &cashier.Refusal{Note: e.SubCode + " " + e.SubMsg}
	}
	return e
}

// plain leaves out what Alipay refuses in a text.
func plain(s string) string { return strings.NewReplacer("/", " ", "=", " ", "&", " ").Replace(s) }
