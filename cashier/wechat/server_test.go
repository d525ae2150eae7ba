package wechat

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/utils"
)

// These stand for a merchant and for WeChat Pay; the keys are made for the tests.
const (
	merchant  = "1900009191"
	app       = "wxd678efh567hg6787"
	serial    = "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C"
	publicID  = "PUB_KEY_ID_0119000091912025"
	notifyURL = "https://ca.example.cn/v1/payments/wechat/notice"
	v3key     = "0123456789abcdef0123456789abcdef"
)

var (
	merchantKey = sync.OnceValue(newKey)
	wechatKey   = sync.OnceValue(newKey)
	strangerKey = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func pemOf(kind string, der []byte, err error) string {
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func privatePEM(k *rsa.PrivateKey) string {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	return pemOf("PRIVATE KEY", der, err)
}

func publicPEM(k *rsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	return pemOf("PUBLIC KEY", der, err)
}

// platform is a platform certificate and its serial number as headers name it.
func platform(k *rsa.PrivateKey) (text, number string) {
	c := &x509.Certificate{SerialNumber: big.NewInt(0x5157F09EFDC096D), Subject: pkix.Name{CommonName: "Tenpay.com sign"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	return pemOf("CERTIFICATE", der, err), utils.GetCertificateSerialNumber(*c)
}

// wechatPay is the interface as documented: it checks who asks, and signs what it says.
type wechatPay struct {
	t      testing.TB
	number string // what it names its key by
	key    *rsa.PrivateKey

	mu      sync.Mutex
	orders  map[string]map[string]any
	refunds map[string]map[string]any
	// asked are the questions, in order.
	asked []string
}

func serve(t testing.TB) (*wechatPay, *httptest.Server) {
	s := &wechatPay{t: t, number: publicID, key: wechatKey(), orders: map[string]map[string]any{}, refunds: map[string]map[string]any{}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return s, srv
}

var authorization = regexp.MustCompile(`^WECHATPAY2-SHA256-RSA2048 mchid="(\d+)",nonce_str="(\w+)",timestamp="(\d+)",serial_no="(\w+)",signature="([^"]+)"$`)

func (s *wechatPay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil || m[1] != merchant || m[4] != serial || !s.genuine(r, m, body) {
		s.say(w, 401, map[string]any{"code": "SIGN_ERROR", "message": "签名错误"})
		return
	}
	var in map[string]any
	if len(body) > 0 {
		if err := json.Unmarshal(body, &in); err != nil {
			s.say(w, 400, map[string]any{"code": "PARAM_ERROR", "message": err.Error()})
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	status, out := s.answer(r.Method, strings.TrimPrefix(r.URL.Path, "/v3/"), in, r.URL.Query().Get("mchid"))
	s.say(w, status, out)
}

// genuine checks the merchant's signature over method, address, time, nonce and body.
func (s *wechatPay) genuine(r *http.Request, m []string, body []byte) bool {
	sig, err := base64.StdEncoding.DecodeString(m[5])
	sum := sha256.Sum256([]byte(r.Method + "\n" + r.URL.RequestURI() + "\n" + m[3] + "\n" + m[2] + "\n" + string(body) + "\n"))
	at, _ := strconv.ParseInt(m[3], 10, 64)
	return err == nil && time.Since(time.Unix(at, 0)).Abs() < 5*time.Minute && rsa.VerifyPKCS1v15(&merchantKey().PublicKey, crypto.SHA256, sum[:], sig) == nil
}

func (s *wechatPay) answer(method, path string, in map[string]any, mchid string) (int, map[string]any) {
	unknown := map[string]any{"code": "ORDER_NOT_EXIST", "message": "订单不存在"}
	switch {
	case method == "POST" && path == "pay/transactions/native":
		id := in["out_trade_no"].(string)
		if len(id) < 6 || len(id) > 32 || in["mchid"] != merchant || in["appid"] != app || in["notify_url"] != notifyURL {
			return 400, map[string]any{"code": "PARAM_ERROR", "message": "参数错误"}
		}
		if in["description"] == "blocked" {
			return 403, map[string]any{"code": "NO_AUTH", "message": "商户无权限"}
		}
		in["trade_state"] = "NOTPAY"
		s.orders[id] = in
		return 200, map[string]any{"code_url": "weixin://wxpay/bizpayurl?pr=" + id}
	case method == "GET" && strings.HasPrefix(path, "pay/transactions/out-trade-no/"):
		o := s.orders[strings.TrimPrefix(path, "pay/transactions/out-trade-no/")]
		if o == nil || mchid != merchant {
			return 404, unknown
		}
		return 200, o
	case method == "POST" && strings.HasSuffix(path, "/close"):
		o := s.orders[strings.TrimSuffix(strings.TrimPrefix(path, "pay/transactions/out-trade-no/"), "/close")]
		switch {
		case o == nil:
			return 404, unknown
		case o["trade_state"] == "SUCCESS":
			return 400, map[string]any{"code": "ORDERPAID", "message": "该订单已支付"}
		}
		o["trade_state"] = "CLOSED"
		return 204, nil
	case method == "GET" && strings.HasPrefix(path, "refund/domestic/refunds/"):
		f := s.refunds[strings.TrimPrefix(path, "refund/domestic/refunds/")]
		if f == nil {
			return 404, map[string]any{"code": "RESOURCE_NOT_EXISTS", "message": "退款单不存在"}
		}
		return 200, f
	case method == "POST" && path == "refund/domestic/refunds":
		if in["reason"] == "poor" {
			return 403, map[string]any{"code": "NOT_ENOUGH", "message": "基本账户余额不足"}
		}
		in["status"], in["refund_id"], in["transaction_id"], in["channel"] = "PROCESSING", "50000000382019052709732678859", "42", "ORIGINAL"
		in["user_received_account"], in["create_time"] = "支付用户零钱", "2026-11-25T16:00:00+08:00"
		s.refunds[in["out_refund_no"].(string)] = in
		return 200, in
	}
	return 404, map[string]any{"code": "NOT_FOUND", "message": path}
}

// pays is what the payer does.
func (s *wechatPay) pays(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[id]
	o["trade_state"], o["transaction_id"], o["success_time"] = "SUCCESS", "4200001234202611251234567890", "2026-11-25T16:30:00+08:00"
}

func (s *wechatPay) signed(body []byte) http.Header {
	unix, nonce := strconv.FormatInt(time.Now().Unix(), 10), rand.Text()
	return s.signedAt(unix, nonce, body)
}

func (s *wechatPay) signedAt(unix, nonce string, body []byte) http.Header {
	sum := sha256.Sum256([]byte(unix + "\n" + nonce + "\n" + string(body) + "\n"))
	sig, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
	if err != nil {
		s.t.Fatal(err)
	}
	h := http.Header{}
	h.Set("Wechatpay-Timestamp", unix)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", s.number)
	h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(sig))
	h.Set("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048")
	return h
}

func (s *wechatPay) say(w http.ResponseWriter, status int, v map[string]any) {
	var body []byte
	if v != nil {
		body, _ = json.Marshal(v)
	}
	for k, v := range s.signed(body) {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// notice encrypts and signs as WeChat Pay does.
func (s *wechatPay) notice(event string, content map[string]any) ([]byte, http.Header) {
	plain, err := json.Marshal(content)
	if err != nil {
		s.t.Fatal(err)
	}
	aead, err := cipherOf(v3key)
	if err != nil {
		s.t.Fatal(err)
	}
	nonce := rand.Text()[:12]
	var b bytes.Buffer
	check(s.t, json.NewEncoder(&b).Encode(map[string]any{
		"id": rand.Text(), "create_time": "2026-11-25T16:30:00+08:00", "event_type": event, "resource_type": "encrypt-resource", "summary": "支付成功",
		"resource": map[string]any{"algorithm": "AEAD_AES_256_GCM", "original_type": "transaction", "associated_data": "transaction", "nonce": nonce,
			"ciphertext": base64.StdEncoding.EncodeToString(aead.Seal(nil, []byte(nonce), plain, []byte("transaction")))},
	}))
	return b.Bytes(), s.signed(b.Bytes())
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
