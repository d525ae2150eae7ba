package wechat

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments"
	"github.com/wechatpay-apiv3/wechatpay-go/services/refunddomestic"

	"certlink/cashier"
)

func cipherOf(key string) (cipher.AEAD, error) {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// signed are the headers that a notice's signature is in.
var signed = []string{"Wechatpay-Serial", "Wechatpay-Signature", "Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature-Type", "Request-Id"}

// Notice verifies and decrypts. Signatures older than five minutes are refused, so
// that a notice that was overheard is of no use later.
func (p *Provider) Notice(ctx context.Context, header func(string) string, body []byte) (*cashier.Notice, error) {
	if err := shape(body); err != nil {
		return nil, err
	}
	req := &http.Request{Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
	for _, name := range signed {
		if v := header(name); v != "" {
			req.Header.Set(name, v)
		}
	}
	var content json.RawMessage
	n, err := p.notices.ParseNotifyRequest(ctx, req, &content)
	if err != nil {
		return nil, err
	}
	switch n.EventType {
	case "TRANSACTION.SUCCESS":
		t := new(payments.Transaction)
		if err := json.Unmarshal(content, t); err != nil {
			return nil, err
		}
		trade, err := p.trade(t, "")
		if err != nil {
			return nil, err
		}
		return &cashier.Notice{Trade: trade}, nil
	case "REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED":
		var r struct {
			Merchant string `json:"mchid"`
			ID       string `json:"out_refund_no"`
			Status   string `json:"refund_status"`
		}
		if err := json.Unmarshal(content, &r); err != nil {
			return nil, err
		}
		if r.Merchant != p.cfg.MerchantID {
			return nil, errors.New("wechat: a refund of another merchant")
		}
		report, err := refund(r.ID, r.Status)
		return &cashier.Notice{Refund: report}, err
	}
	return nil, fmt.Errorf("wechat: event_type %q", n.EventType)
}

// shape refuses what the SDK would fall over, before it sees it.
func shape(body []byte) error {
	var n struct {
		Resource *struct{ Nonce string }
	}
	if err := json.Unmarshal(body, &n); err != nil {
		return err
	}
	if n.Resource == nil || len(n.Resource.Nonce) != 12 {
		return errors.New("wechat: a notice without an encrypted resource")
	}
	return nil
}

// Refund asks for the refund first: ordering it again is allowed, but not often.
func (p *Provider) Refund(ctx context.Context, r cashier.RefundOrder) (*cashier.RefundReport, error) {
	known, _, err := p.refunds.QueryByOutRefundNo(ctx, refunddomestic.QueryByOutRefundNoRequest{OutRefundNo: &r.ID})
	if is(err, "RESOURCE_NOT_EXISTS") {
		known, _, err = p.refunds.Create(ctx, refunddomestic.CreateRequest{
			OutTradeNo: &r.Attempt, OutRefundNo: &r.ID, Reason: core.String(cut(r.Reason, 80)), NotifyUrl: &p.cfg.NoticeURL,
			Amount: &refunddomestic.AmountReq{Refund: &r.AmountFen, Total: &r.PaidFen, Currency: core.String(cashier.Currency)},
		})
	}
	if err != nil {
		return nil, final(err, "PARAM_ERROR", "INVALID_REQUEST", "USER_ACCOUNT_ABNORMAL", "MCH_NOT_EXISTS", "NO_AUTH")
	}
	if value(known.OutRefundNo) != r.ID || known.Status == nil {
		return nil, errors.New("wechat: an answer about another refund")
	}
	return refund(r.ID, string(*known.Status))
}

func refund(id, status string) (*cashier.RefundReport, error) {
	switch status {
	case "SUCCESS":
		return &cashier.RefundReport{ID: id, State: cashier.RefundDone}, nil
	case "PROCESSING":
		return &cashier.RefundReport{ID: id, State: cashier.RefundPending}, nil
	case "ABNORMAL", "CLOSED":
		// The payer's card is gone, or the like: done by hand at the merchant's platform.
		return &cashier.RefundReport{ID: id, State: cashier.RefundByHand, Note: "WeChat Pay: " + status}, nil
	}
	return nil, fmt.Errorf("wechat: refund status %q", status)
}
