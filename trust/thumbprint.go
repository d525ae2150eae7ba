package trust

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// thumbprintMembers are the required members of a key kind, the only ones that
// enter its thumbprint (RFC 7638 §3.2).
var thumbprintMembers = map[string]bool{"kty": true, "crv": true, "x": true, "y": true, "n": true, "e": true}

// Thumbprint names a public key by RFC 7638: SHA-256 over the JWK's required
// members in the order of their names, base64url.
func Thumbprint(pub crypto.PublicKey) (string, error) {
	jwk, err := writeJWK(pub)
	if err != nil {
		return "", err
	}
	for name := range jwk {
		if !thumbprintMembers[name] {
			delete(jwk, name)
		}
	}
	canonical, err := json.Marshal(jwk) // encoding/json sorts map keys, and these need no escapes
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return base64.RawURLEncoding.EncodeToString(sum[:]), nil
}
