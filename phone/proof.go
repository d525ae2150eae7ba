package phone

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/emmansun/gmsm/smx509"
)

var b64 = base64.RawURLEncoding

// deviceKey proves each request (RFC 9449). The parts of a proof that never change are
// made once.
type deviceKey struct {
	key    *ecdsa.PrivateKey
	id     string // RFC 7638 thumbprint
	jwk    string
	header string // of the proof, encoded, with the dot
}

func makeDeviceKey() (*deviceKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return newDeviceKey(key)
}

func newDeviceKey(key *ecdsa.PrivateKey) (*deviceKey, error) {
	if key.Curve != elliptic.P256() {
		return nil, errors.New("a device key lies on P-256")
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, err
	}
	x, y := b64.EncodeToString(point[1:33]), b64.EncodeToString(point[33:])
	// The members in the order of RFC 7638 §3.2, so that the same text serves both as
	// the JWK and as what the thumbprint is taken of.
	jwk := `{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`
	thumb := sha256.Sum256([]byte(jwk))
	return &deviceKey{
		key: key, id: b64.EncodeToString(thumb[:]), jwk: jwk,
		header: b64.EncodeToString([]byte(`{"typ":"dpop+jwt","alg":"ES256","jwk":`+jwk+`}`)) + ".",
	}, nil
}

func loadDeviceKey(pkcs8 []byte) (*deviceKey, error) {
	k, err := smx509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, fmt.Errorf("the device key that was kept cannot be read: %w", err)
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the device key that was kept is of the wrong kind")
	}
	return newDeviceKey(key)
}

func (d *deviceKey) pkcs8() ([]byte, error) { return smx509.MarshalPKCS8PrivateKey(d.key) }

// proof makes the DPoP proof of one request: method, address, the server's nonce and
// the body. Nothing in it needs escaping: method and path are the program's own, the
// origin went through url.Parse, the nonce through validNonce.
func (d *deviceKey) proof(now time.Time, method, htu, nonce string, body []byte) (string, error) {
	var jti [16]byte
	rand.Read(jti[:])
	sum := sha256.Sum256(body)
	claims := make([]byte, 0, 320)
	claims = append(claims, `{"htm":"`...)
	claims = append(claims, method...)
	claims = append(claims, `","htu":"`...)
	claims = append(claims, htu...)
	claims = append(claims, `","iat":`...)
	claims = strconv.AppendInt(claims, now.Unix(), 10)
	claims = append(claims, `,"jti":"`...)
	claims = b64.AppendEncode(claims, jti[:])
	if nonce != "" {
		claims = append(claims, `","nonce":"`...)
		claims = append(claims, nonce...)
	}
	claims = append(claims, `","bh":"`...)
	claims = b64.AppendEncode(claims, sum[:])
	claims = append(claims, `"}`...)

	out := make([]byte, 0, len(d.header)+b64.EncodedLen(len(claims))+1+86)
	out = append(out, d.header...)
	out = b64.AppendEncode(out, claims)
	signature, err := es256(d.key, out)
	if err != nil {
		return "", err
	}
	out = append(out, '.')
	out = b64.AppendEncode(out, signature)
	return string(out), nil
}

// validNonce keeps to the characters of RFC 9449 §8.1: neither quote nor backslash.
func validNonce(nonce string) bool {
	for i := range len(nonce) {
		if c := nonce[i]; c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return nonce != "" && len(nonce) <= 512
}
