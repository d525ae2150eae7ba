package account

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"slices"
)

var b64url = base64.RawURLEncoding.Strict()

// deviceJWK is a device's public key.
type deviceJWK struct {
	key *ecdsa.PublicKey
	// id is the RFC 7638 thumbprint of canonical, the required members in order.
	id        string
	canonical json.RawMessage
}

const maxJWK = 1024

// parseJWK reads a public P-256 key strictly. WebCrypto adds ext and key_ops, so
// further members are let through; a private one is refused, for then the key
// has left the phone.
func parseJWK(raw []byte) (*deviceJWK, error) {
	if len(raw) > maxJWK {
		return nil, ErrDeviceKey.Becausef("jwk of %d bytes", len(raw))
	}
	members, err := object(raw)
	if err != nil {
		return nil, ErrDeviceKey.Because(err)
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, has := members[private]; has {
			return nil, ErrDeviceKey.Becausef("jwk holds a private member")
		}
	}
	text := func(name string) string {
		var s string
		if json.Unmarshal(members[name], &s) != nil {
			return ""
		}
		return s
	}
	if text("kty") != "EC" || text("crv") != "P-256" {
		return nil, ErrDeviceKey.Becausef("jwk is no P-256 key")
	}
	if _, has := members["alg"]; has && text("alg") != "ES256" {
		return nil, ErrDeviceKey.Becausef("jwk is for another algorithm")
	}
	if _, has := members["use"]; has && text("use") != "sig" {
		return nil, ErrDeviceKey.Becausef("jwk is not for signing")
	}
	x, errX := b64url.DecodeString(text("x"))
	y, errY := b64url.DecodeString(text("y"))
	if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 {
		return nil, ErrDeviceKey.Becausef("jwk coordinates must have 32 bytes each")
	}
	// Checks that the point lies on the curve.
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	if err != nil {
		return nil, ErrDeviceKey.Because(err)
	}
	canonical := `{"crv":"P-256","kty":"EC","x":"` + b64url.EncodeToString(x) + `","y":"` + b64url.EncodeToString(y) + `"}`
	sum := sha256.Sum256([]byte(canonical))
	return &deviceJWK{key: key, id: b64url.EncodeToString(sum[:]), canonical: json.RawMessage(canonical)}, nil
}

var errObject = errors.New("not one JSON object with each member once")

// object reads one JSON object. encoding/json takes the last of two members of
// one name, other parsers the first, and a check must not depend on which.
func object(raw []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errObject
	}
	out := map[string]json.RawMessage{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if _, twice := out[name]; err != nil || !ok || twice {
			return nil, errObject
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return nil, errObject
		}
		out[name] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, errObject
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errObject
	}
	return out, nil
}
