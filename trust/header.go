package trust

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"certlink/internal/fault"
)

const maxChainSent = maxSupplied + 1 // the leaf and its intermediates

type header struct {
	alg   Algorithm
	chain []*Certificate
	jwk   crypto.PublicKey
}

// protected is the allow-list of a header's members, each as it stands there, nil
// where it does not.
type protected struct {
	Alg jsontext.Value `json:"alg"`
	Typ jsontext.Value `json:"typ"`
	X5C x5c            `json:"x5c"`
	JWK jsontext.Value `json:"jwk"`
}

// parseHeader reads the protected header: alg, typ, and one of x5c and jwk. Where the
// key comes from is thus never anybody's choice but the signer's own certificate (jku,
// x5u and kid would be), and nothing changes what is signed (crit, b64).
func parseHeader(raw []byte) (*header, error) {
	var p protected
	if err := members(raw, &p); err != nil {
		return nil, err
	}
	h := &header{}
	var typ string
	if json.Unmarshal(p.Alg, &h.alg) != nil {
		return nil, ErrJWSHeader.Becausef("no alg, or not a string")
	}
	switch h.alg {
	case ES256, RS256, SM2SM3:
	default: // "none" and the HMAC family among them
		return nil, ErrJWSAlgorithm.Becausef("alg %.32q", h.alg)
	}
	if json.Unmarshal(p.Typ, &typ) != nil || typ != StatementType {
		return nil, ErrJWSHeader.Becausef("typ is not %s", StatementType)
	}
	var err error
	switch {
	case p.X5C.sent == (p.JWK != nil):
		return nil, ErrJWSHeader.Becausef("exactly one of x5c and jwk is needed")
	case p.JWK != nil:
		h.jwk, err = parseJWK(p.JWK, h.alg)
	default:
		h.chain, err = p.X5C.certificates()
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// members reads a JSON object into the members that to has. Any other is refused, and
// so is one that is there twice: some readers take the first of the two, others the
// last.
func members(raw []byte, to any) error {
	err := json.Unmarshal(raw, to, json.RejectUnknownMembers(true))
	switch {
	case err == nil:
		return nil
	case fault.Of(err) != nil:
		return fault.Of(err)
	case errors.Is(err, json.ErrUnknownName), errors.Is(err, jsontext.ErrDuplicateName):
		return ErrJWSHeader.Because(err)
	}
	return ErrJWSMalformed.Because(err)
}

// x5c is the chain as it is sent (RFC 7515 §4.1.6): ordinary base64, with padding.
type x5c struct {
	sent bool
	ders [][]byte
}

// UnmarshalJSONFrom reads the list.
func (x *x5c) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	x.sent = true
	if d.PeekKind() != jsontext.KindBeginArray {
		return errX5C
	}
	_, err := d.ReadToken()
	for err == nil && d.PeekKind() != jsontext.KindEndArray {
		if len(x.ders) == maxChainSent {
			return errX5C
		}
		err = x.read(d)
	}
	if err != nil {
		return err
	}
	_, err = d.ReadToken()
	return err
}

var errX5C = ErrJWSHeader.Becausef("x5c must hold 1 to %d certificates", maxChainSent)

func (x *x5c) read(d *jsontext.Decoder) error {
	item, err := d.ReadValue()
	if err != nil {
		return err
	}
	if item.Kind() != jsontext.KindString {
		return errX5C
	}
	text := item[1 : len(item)-1]
	if bytes.IndexByte(text, '\\') >= 0 { // some write / as \/
		if text, err = jsontext.AppendUnquote(nil, item); err != nil {
			return err
		}
	}
	der, err := decode(base64.StdEncoding.Strict(), text)
	if err != nil {
		return ErrCertificate.Because(err)
	}
	x.ders = append(x.ders, der)
	return nil
}

func (x *x5c) certificates() ([]*Certificate, error) {
	if len(x.ders) == 0 {
		return nil, errX5C
	}
	chain := make([]*Certificate, len(x.ders))
	for i, der := range x.ders {
		var err error
		if chain[i], err = parseOwn(der); err != nil {
			return nil, err
		}
	}
	return chain, nil
}
