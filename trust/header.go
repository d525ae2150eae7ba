package trust

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"certlink/trust/internal/lru"
)

const maxChainSent = maxSupplied + 1 // the leaf and its intermediates

type header struct {
	alg   Algorithm
	chain []*Certificate
	jwk   crypto.PublicKey
}

var errTwice = errors.New("a member is there twice")

// parseHeader reads the protected header by an allow-list: alg, typ, and one of x5c
// and jwk. Where the key comes from is thus never anybody's choice but the signer's
// own certificate (jku, x5u and kid would be), and nothing changes what is signed
// (crit, b64).
func parseHeader(raw []byte) (*header, error) {
	members, err := object(raw)
	if err != nil {
		if errors.Is(err, errTwice) {
			return nil, ErrJWSHeader.Because(err)
		}
		return nil, ErrJWSMalformed.Because(err)
	}
	for name := range members {
		switch name {
		case "alg", "typ", "x5c", "jwk":
		default:
			return nil, ErrJWSHeader.Becausef("member %.32q", name)
		}
	}
	h := &header{}
	var alg, typ string
	if json.Unmarshal(members["alg"], &alg) != nil {
		return nil, ErrJWSHeader.Becausef("no alg, or not a string")
	}
	switch h.alg = Algorithm(alg); h.alg {
	case ES256, RS256, SM2SM3:
	default: // "none" and the HMAC family among them
		return nil, ErrJWSAlgorithm.Becausef("alg %.32q", alg)
	}
	if json.Unmarshal(members["typ"], &typ) != nil || typ != StatementType {
		return nil, ErrJWSHeader.Becausef("typ is not %s", StatementType)
	}
	x5c, jwk := members["x5c"], members["jwk"]
	switch {
	case (x5c == nil) == (jwk == nil):
		return nil, ErrJWSHeader.Becausef("exactly one of x5c and jwk is needed")
	case jwk != nil:
		h.jwk, err = parseJWK(jwk, h.alg)
	default:
		h.chain, err = parseX5C(x5c)
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// object reads a JSON object into its members; encoding/json alone would take the last
// of two members of one name, and other readers the first.
func object(raw []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	members := make(map[string]json.RawMessage, 4)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		name := t.(string) // inside an object the decoder gives nothing else here
		if _, twice := members[name]; twice {
			return nil, errTwice
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		members[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something after the object")
	}
	return members, nil
}

// above remembers the certificates above leaves, which many leaves bring along.
var above = lru.New[string, *Certificate](256)

// parseX5C reads the chain (RFC 7515 §4.1.6): ordinary base64, with padding.
func parseX5C(raw json.RawMessage) ([]*Certificate, error) {
	var items []string
	if err := json.Unmarshal(raw, &items); err != nil || len(items) == 0 || len(items) > maxChainSent {
		return nil, ErrJWSHeader.Becausef("x5c must hold 1 to %d certificates", maxChainSent)
	}
	chain := make([]*Certificate, len(items))
	for i, item := range items {
		if i > 0 {
			if known, ok := above.Get(item); ok {
				chain[i] = known
				continue
			}
		}
		if bytes.ContainsAny([]byte(item), "\r\n") {
			return nil, ErrCertificate.Becausef("x5c[%d] has line ends", i)
		}
		der, err := base64.StdEncoding.Strict().DecodeString(item)
		if err != nil {
			return nil, ErrCertificate.Because(err)
		}
		if chain[i], err = ParseCertificate(der); err != nil {
			return nil, err
		}
		if i > 0 {
			above.Put(item, chain[i])
		}
	}
	return chain, nil
}
