package program

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"certlink/cashier"
	"certlink/cashier/alipay"
	"certlink/cashier/invoice"
	"certlink/cashier/sandbox"
	"certlink/cashier/wechat"
	"certlink/internal/effect"
	"certlink/internal/lan"
	"certlink/push"
)

// cashierSettings say how orders can be paid.
type cashierSettings struct {
	OrderDays int `name:"order-days" env:"CERTLINK_ORDER_DAYS" default:"7" help:"Days after which an order that was not paid is closed."`

	InvoiceDays int `name:"invoice-days" env:"CERTLINK_INVOICE_DAYS" default:"60" help:"Days after an order's completion in which an invoice can be asked for."`

	WechatMerchant      string `name:"wechatpay-merchant-id" env:"CERTLINK_WECHATPAY_MERCHANT_ID" help:"WeChat Pay: merchant number. Setting it offers the way to pay."`
	WechatApp           string `name:"wechatpay-app-id" env:"CERTLINK_WECHATPAY_APP_ID" help:"WeChat Pay: app id bound to the merchant."`
	WechatSerial        string `name:"wechatpay-cert-serial" env:"CERTLINK_WECHATPAY_CERT_SERIAL" help:"WeChat Pay: serial number of the merchant's API certificate."`
	WechatPrivateKey    string `name:"wechatpay-private-key-file" env:"CERTLINK_WECHATPAY_PRIVATE_KEY_FILE" type:"path" help:"WeChat Pay: the merchant's key, apiclient_key.pem."`
	WechatAPIv3Key      string `name:"wechatpay-api-v3-key-file" env:"CERTLINK_WECHATPAY_API_V3_KEY_FILE" type:"path" help:"WeChat Pay: file with the APIv3 key, 32 characters."`
	WechatPublicKeyID   string `name:"wechatpay-public-key-id" env:"CERTLINK_WECHATPAY_PUBLIC_KEY_ID" help:"WeChat Pay: id of its public key, PUB_KEY_ID_…"`
	WechatPublicKey     string `name:"wechatpay-public-key-file" env:"CERTLINK_WECHATPAY_PUBLIC_KEY_FILE" type:"path" help:"WeChat Pay: its public key, pub_key.pem."`
	WechatPlatformCerts string `name:"wechatpay-platform-cert-file" env:"CERTLINK_WECHATPAY_PLATFORM_CERT_FILE" type:"path" help:"WeChat Pay: its platform certificates (PEM), for merchants that have no public key of it."`
	WechatEndpoint      string `name:"wechatpay-endpoint" env:"CERTLINK_WECHATPAY_ENDPOINT" help:"WeChat Pay: another origin of the interface, for a proxy or a test."`

	AlipayApp        string `name:"alipay-app-id" env:"CERTLINK_ALIPAY_APP_ID" help:"Alipay: application id. Setting it offers the way to pay."`
	AlipaySeller     string `name:"alipay-seller-id" env:"CERTLINK_ALIPAY_SELLER_ID" help:"Alipay: the merchant's PID, 2088…"`
	AlipayPrivateKey string `name:"alipay-private-key-file" env:"CERTLINK_ALIPAY_PRIVATE_KEY_FILE" type:"path" help:"Alipay: the application's private key."`
	AlipayPublicKey  string `name:"alipay-public-key-file" env:"CERTLINK_ALIPAY_PUBLIC_KEY_FILE" type:"path" help:"Alipay: Alipay's public key for the application."`
	AlipayGateway    string `name:"alipay-gateway" env:"CERTLINK_ALIPAY_GATEWAY" help:"Alipay: another address of the interface, for a proxy or a test."`

	TransferPayee   string `name:"transfer-payee" env:"CERTLINK_TRANSFER_PAYEE" help:"Name of the account that transfers are paid into. Setting it offers payment by transfer."`
	TransferBank    string `name:"transfer-bank" env:"CERTLINK_TRANSFER_BANK" help:"Its bank and branch."`
	TransferAccount string `name:"transfer-account" env:"CERTLINK_TRANSFER_ACCOUNT" help:"Its number."`
}

// check finds every mistake.
func (s *cashierSettings) check(bad func(string, ...any)) {
	if s.OrderDays == 0 {
		s.OrderDays = 7
	}
	if s.OrderDays < 1 || s.OrderDays > 60 {
		bad("CERTLINK_ORDER_DAYS must be from 1 to 60")
	}
	if s.InvoiceDays == 0 {
		s.InvoiceDays = 60
	}
	if s.InvoiceDays < 1 || s.InvoiceDays > 3650 {
		bad("CERTLINK_INVOICE_DAYS must be from 1 to 3650")
	}
	named := func(prefix string, wrong []string) {
		for _, w := range wrong {
			bad("%s%s", prefix, w)
		}
	}
	if s.wantsWechat() {
		c := s.wechat("", bad)
		named("CERTLINK_WECHATPAY_", c.Check())
	}
	if s.wantsAlipay() {
		c := s.alipay("", bad)
		named("CERTLINK_ALIPAY_", c.Check())
	}
	if set := (s.TransferPayee != "") == (s.TransferBank != "") && (s.TransferBank != "") == (s.TransferAccount != ""); !set {
		bad("CERTLINK_TRANSFER_PAYEE, CERTLINK_TRANSFER_BANK and CERTLINK_TRANSFER_ACCOUNT belong together: set all or none")
	}
}

func (s *cashierSettings) wantsWechat() bool {
	return s.WechatMerchant+s.WechatApp+s.WechatSerial+s.WechatPrivateKey+s.WechatAPIv3Key+s.WechatPublicKey+s.WechatPublicKeyID+s.WechatPlatformCerts != ""
}

func (s *cashierSettings) wantsAlipay() bool {
	return s.AlipayApp+s.AlipaySeller+s.AlipayPrivateKey+s.AlipayPublicKey != ""
}

// text reads a file that a setting names; "" for none.
func text(setting, path string, bad func(string, ...any)) string {
	if path == "" {
		return ""
	}
	b, err := ReadSecretFile(path)
	if err != nil {
		bad("%s: %v", setting, err)
	}
	return string(b)
}

func (s *cashierSettings) wechat(origin string, bad func(string, ...any)) wechat.Config {
	return wechat.Config{
		MerchantID: s.WechatMerchant, AppID: s.WechatApp, Serial: s.WechatSerial, PublicKeyID: s.WechatPublicKeyID, Endpoint: s.WechatEndpoint,
		PrivateKey:    text("CERTLINK_WECHATPAY_PRIVATE_KEY_FILE", s.WechatPrivateKey, bad),
		APIv3Key:      text("CERTLINK_WECHATPAY_API_V3_KEY_FILE", s.WechatAPIv3Key, bad),
		PublicKey:     text("CERTLINK_WECHATPAY_PUBLIC_KEY_FILE", s.WechatPublicKey, bad),
		PlatformCerts: text("CERTLINK_WECHATPAY_PLATFORM_CERT_FILE", s.WechatPlatformCerts, bad),
		NoticeURL:     noticeURL(origin, wechat.Name),
	}
}

func (s *cashierSettings) alipay(origin string, bad func(string, ...any)) alipay.Config {
	return alipay.Config{
		AppID: s.AlipayApp, SellerID: s.AlipaySeller, Gateway: s.AlipayGateway,
		PrivateKey: text("CERTLINK_ALIPAY_PRIVATE_KEY_FILE", s.AlipayPrivateKey, bad),
		PublicKey:  text("CERTLINK_ALIPAY_PUBLIC_KEY_FILE", s.AlipayPublicKey, bad),
		NoticeURL:  noticeURL(origin, alipay.Name),
	}
}

func noticeURL(origin, provider string) string {
	return origin + "/v1/payments/" + provider + "/notice"
}

// paying is what the program holds for orders.
type paying struct {
	Orders *cashier.Service
	// subjects are the rooms that are told of their orders, by kind of subject.
	subjects map[string]push.Handler
	// payments is the sandbox, in demo mode.
	payments     *sandbox.Service
	invoices     *invoice.Service
	paymentsHTTP *http.Server
}

// openCashier wires the cashier and the ways to pay.
func (p *Program) openCashier(origin string) error {
	providers, err := p.providers(origin)
	if err != nil {
		return err
	}
	if p.subjects == nil {
		p.subjects = map[string]push.Handler{}
	}
	p.Orders, err = cashier.New(cashier.Config{
		Store: p.Store, Clock: p.Clock, Log: p.Log, Providers: providers,
		Life: time.Duration(p.Settings.Cashier.OrderDays) * 24 * time.Hour,
	})
	if err == nil {
		p.uploads.Owners("order", func(ctx context.Context, owner, file string) (bool, error) {
			return p.Orders.Names(ctx, owner[len("order:"):], file)
		})
		p.openInvoices()
		p.letter(invoice.MailIssued, p.InvoiceLetter)
	}
	return err
}

func (p *Program) providers(origin string) (out []cashier.Provider, err error) {
	s := &p.Settings.Cashier
	ignore := func(string, ...any) {} // check has told of it
	if s.wantsWechat() {
		w, err := wechat.New(s.wechat(origin, ignore))
		if err != nil {
			return nil, fmt.Errorf("WeChat Pay: %w", err)
		}
		out = append(out, w)
	}
	if s.wantsAlipay() {
		a, err := alipay.New(s.alipay(origin, ignore))
		if err != nil {
			return nil, fmt.Errorf("Alipay: %w", err)
		}
		out = append(out, a)
	}
	transfer := cashier.Transfer{Payee: s.TransferPayee, Bank: s.TransferBank, Account: s.TransferAccount}
	if p.Settings.Demo {
		box, err := p.openSandbox(origin)
		if err != nil {
			return nil, err
		}
		out = append(out, box)
		if transfer.Payee == "" {
			transfer = cashier.Transfer{Payee: "演示账户，请勿转账 (demo, do not pay)", Bank: "演示银行 (demo bank)", Account: "0000 0000 0000 0000"}
		}
	}
	if transfer.Payee != "" {
		out = append(out, transfer)
	}
	return out, nil
}

// openSandbox starts the payment service that takes no money, on a port of its own on
// loopback, so that it is asked over HTTP as the real ones are.
func (p *Program) openSandbox(origin string) (cashier.Provider, error) {
	client, err := p.reachable()
	if err != nil {
		return nil, err
	}
	p.payments, err = sandbox.New(sandbox.Config{
		Client: client,
		File:   filepath.Join(p.Settings.Data, "sandbox-payments.json"), Clock: p.Clock,
		NoticeURL: noticeURL(origin, sandbox.Name), PageURL: origin + "/sandbox/pay/",
	})
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.paymentsHTTP = &http.Server{Handler: p.payments, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}
	go p.paymentsHTTP.Serve(ln)
	return p.payments.Provider("http://" + ln.Addr().String()), nil
}

// reachable is a client that reaches this server at its origin: in the local network
// its certificate is of a root that only phones have been given.
func (p *Program) reachable() (*http.Client, error) {
	c := &http.Client{Timeout: 5 * time.Second}
	if p.Settings.LAN {
		root, err := lan.OpenRoot(p.Settings.Data)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		pool.AddCert(root.Certificate())
		c.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	}
	return c, nil
}

func (p *Program) closeCashier() {
	if p.paymentsHTTP != nil {
		p.paymentsHTTP.Close()
	}
}

// notify sends the sandbox's notices that were late, or not taken.
func (p *Program) notify(ctx context.Context) error {
	if p.payments != nil {
		p.payments.Notify(ctx)
	}
	return nil
}

// orderHandlers are the effects that orders owe, and those that are asked of them.
func (p *Program) orderHandlers() map[string]push.Handler {
	return map[string]push.Handler{
		cashier.EffectOrder:     p.carryOrder,
		cashier.EffectRefund:    p.Orders.CarryRefund,
		cashier.EffectCompleted: p.Orders.CarryCompleted,
	}
}

// carryOrder tells the room whose thing was paid for.
func (p *Program) carryOrder(ctx context.Context, e effect.Effect) error {
	if carry := p.subjects[e.Data["subject_kind"]]; carry != nil {
		return carry(ctx, e)
	}
	return fmt.Errorf("the order %s is for a %q, of which nobody knows", e.Data["order"], e.Data["subject_kind"])
}
