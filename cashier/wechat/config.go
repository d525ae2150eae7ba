// Package wechat takes money by WeChat Pay, API v3, Native: a code that the payer
// scans. It knows the SDK, the signatures and the words of that interface.
package wechat

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"regexp"

	"github.com/wechatpay-apiv3/wechatpay-go/utils"
)

// Config is a merchant at WeChat Pay. The names in the comments are those of the
// settings, after CERTLINK_WECHATPAY_.
type Config struct {
	MerchantID string // MERCHANT_ID
	AppID      string // APP_ID
	// Serial is the number of the merchant's API certificate, PrivateKey its key (PEM).
	Serial     string // CERT_SERIAL
	PrivateKey string // PRIVATE_KEY_FILE
	APIv3Key   string // API_V3_KEY_FILE, 32 characters
	// What WeChat Pay signs with: its public key and that key's id, or, with older
	// merchants, its platform certificates (PEM, several at the time of a change).
	PublicKeyID   string // PUBLIC_KEY_ID
	PublicKey     string // PUBLIC_KEY_FILE
	PlatformCerts string // PLATFORM_CERT_FILE
	// NoticeURL is where notices come to.
	NoticeURL string
	// Endpoint is the origin of the interface; "" for WeChat Pay's own.
	Endpoint string // ENDPOINT
	Client   *http.Client
}

// keys are what a Config's texts hold.
type keys struct {
	private  *rsa.PrivateKey
	public   *rsa.PublicKey
	platform []*x509.Certificate
}

var (
	merchantPattern = regexp.MustCompile(`^[0-9]{8,12}$`)
	appPattern      = regexp.MustCompile(`^wx[0-9a-zA-Z]{10,30}$`)
	serialPattern   = regexp.MustCompile(`^[0-9A-Fa-f]{20,64}$`)
)

// Check names every mistake, each beginning with the setting's name.
func (c *Config) Check() (wrong []string) {
	_, wrong = c.load()
	return wrong
}

func (c *Config) load() (k keys, wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !merchantPattern.MatchString(c.MerchantID) {
		bad("MERCHANT_ID %q is not a merchant number of 8 to 12 figures", c.MerchantID)
	}
	if !appPattern.MatchString(c.AppID) {
		bad("APP_ID %q is not an app id such as wxd678efh567hg6787", c.AppID)
	}
	if !serialPattern.MatchString(c.Serial) {
		bad("CERT_SERIAL %q is not the serial number (hex) of the merchant's API certificate", c.Serial)
	}
	if len(c.APIv3Key) != 32 {
		bad("API_V3_KEY_FILE must hold 32 characters, not %d", len(c.APIv3Key))
	}
	var err error
	if k.private, err = utils.LoadPrivateKey(c.PrivateKey); err != nil {
		bad("PRIVATE_KEY_FILE holds no RSA private key (PKCS#8, PEM): apiclient_key.pem")
	}
	if (c.PublicKey == "") != (c.PublicKeyID == "") {
		bad("PUBLIC_KEY_FILE and PUBLIC_KEY_ID belong together: set both or neither")
	}
	if c.PublicKey == "" && c.PlatformCerts == "" {
		bad("PUBLIC_KEY_FILE with PUBLIC_KEY_ID, or PLATFORM_CERT_FILE, must be set: notices could not be verified")
	}
	if c.PublicKey != "" {
		if k.public, err = utils.LoadPublicKey(c.PublicKey); err != nil {
			bad("PUBLIC_KEY_FILE holds no RSA public key (PEM): pub_key.pem")
		}
	}
	if c.PlatformCerts != "" {
		for rest := []byte(c.PlatformCerts); ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				bad("PLATFORM_CERT_FILE holds something that is no certificate")
				break
			}
			k.platform = append(k.platform, cert)
		}
		if len(k.platform) == 0 {
			bad("PLATFORM_CERT_FILE holds no certificate (PEM)")
		}
	}
	return k, wrong
}
