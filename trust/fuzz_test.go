package trust_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"certlink/internal/fault"
	"certlink/trust"
	tt "certlink/trust/trusttest"
)

// Whatever comes in: no panic, a refusal has a code, and what is accepted reads the
// same again.

func FuzzParseCertificate(f *testing.F) {
	root := tt.Root(f, trust.SM2SM3, "根")
	for _, alg := range tt.Algorithms {
		f.Add(root.Leaf(f, alg).Cert.Raw)
	}
	f.Add(root.Sub(f, trust.ES256, "sub").Cert.Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := trust.ParseCertificate(der)
		if err != nil {
			coded(t, err)
			return
		}
		if string(c.Raw) != string(der) || len(c.Fingerprint()) != 64 || len(c.ContentID()) != 64 {
			t.Error("not what came in")
		}
		if !utf8.ValidString(c.Subject()) || strings.ContainsAny(c.Subject(), "\r\n\u202e") || !utf8.ValidString(c.Issuer()) {
			t.Errorf("subject %q", c.Subject())
		}
		c.CanSign()
		c.CanEncrypt()
		c.SerialHex()
		trust.Identify(c, trust.DefaultIdentifiers())
	})
}

func FuzzIdentityExtension(f *testing.F) {
	root := tt.Root(f, trust.ES256, "root")
	f.Add([]byte{0xa0, 3, 0x13, 1, 'x'})
	f.Add([]byte("raw"))
	f.Fuzz(func(t *testing.T, value []byte) {
		c := root.Leaf(t, trust.ES256, func(c *tt.Template) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 1, 1}, Value: value}}
		}).Cert
		if id := trust.Identify(c, trust.DefaultIdentifiers()); !utf8.ValidString(id.Person) {
			t.Errorf("%q", id.Person)
		}
	})
}

func FuzzParseJWS(f *testing.F) {
	for _, alg := range tt.Algorithms {
		h := tt.Root(f, alg, "root").Leaf(f, alg)
		f.Add(h.JWS(f, statement))
		s, err := trust.SignJWS(tt.Key(f, alg), alg, nil, true, []byte(statement))
		must(f, err)
		f.Add(s)
	}
	f.Add(parts(`{"alg":"none"}`))
	key := tt.Key(f, trust.ES256).Public()
	f.Fuzz(func(t *testing.T, compact string) {
		j, err := trust.ParseJWS(compact)
		if err != nil {
			coded(t, err)
			return
		}
		if (j.Leaf() == nil) == (j.JWK == nil) || string(j.Compact) != compact || len(j.Payload) == 0 {
			t.Errorf("parsed %+v", j)
		}
		seg := strings.Split(compact, ".")
		if base64.RawURLEncoding.EncodeToString(j.Payload) != seg[1] {
			t.Error("one payload has two spellings")
		}
		if j.Verify(key) == nil {
			t.Error("verified with a key that signed nothing")
		}
	})
}

// FuzzHeader lets the fuzzer work on the JSON instead of on the base64 around it.
func FuzzHeader(f *testing.F) {
	f.Add(`{"alg":"ES256","typ":"certlink-statement+jws","x5c":["AAAA"]}`)
	f.Add(`{"alg":"ES256","typ":"certlink-statement+jws","jwk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}`)
	f.Add(`{"alg":"RS256","alg":"none"}`)
	f.Fuzz(func(t *testing.T, header string) {
		if _, err := trust.ParseJWS(parts(header)); err != nil {
			coded(t, err)
		}
	})
}

func FuzzParseCSR(f *testing.F) {
	for _, alg := range tt.Algorithms {
		f.Add(tt.CSR(f, tt.Key(f, alg)))
	}
	f.Add(tt.CSRWith(f, tt.Key(f, trust.ES256), tt.Key(f, trust.ES256).Public()))
	f.Fuzz(func(t *testing.T, der []byte) {
		c, err := trust.ParseCSR(der)
		if err != nil {
			coded(t, err)
			return
		}
		if c.PublicKeySHA256() == "" || c.Algorithm() == "" {
			t.Error("accepted without a key")
		}
	})
}

func FuzzNewPool(f *testing.F) {
	root := tt.Root(f, trust.SM2SM3, "root")
	f.Add(tt.PEM(root.Cert, root.Sub(f, trust.ES256, "sub").Cert))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := trust.NewPool(file)
		if err != nil {
			coded(t, err)
			if len(fault.Of(err).Fields) == 0 {
				t.Error("refused without saying where")
			}
			return
		}
		if len(p.Certificates()) == 0 {
			t.Error("an empty pool")
		}
	})
}

func coded(t *testing.T, err error) {
	t.Helper()
	if fault.Of(err) == nil {
		t.Errorf("refused without a code: %v", err)
	}
}
