package trust_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"certlink/trust"
	tt "certlink/trust/trusttest"
)

const statement = `{"audience":"https://ca.example.cn","purpose":"bind","version":"1"}`

func TestJWSThereAndBack(t *testing.T) {
	for _, alg := range tt.Algorithms {
		root := tt.Root(t, alg, "root")
		h := root.Sub(t, alg, "sub").Leaf(t, alg)
		j, err := trust.ParseJWS(h.JWS(t, statement))
		must(t, err)
		if j.Algorithm != alg || string(j.Payload) != statement || j.Leaf() != h.Cert || len(j.Chain) != 2 || j.JWK != nil {
			t.Errorf("%s: parsed %+v", alg, j)
		}
		must(t, j.Verify(j.Leaf().PublicKey()))
		if err := j.Verify(root.Leaf(t, alg).Cert.PublicKey()); alg != trust.RS256 && !errors.Is(err, trust.ErrSignature) {
			t.Errorf("%s: another key verifies: %v", alg, err)
		}

		key := tt.Key(t, alg)
		compact, err := trust.SignJWS(key, alg, nil, true, []byte(statement))
		must(t, err)
		j, err = trust.ParseJWS(compact)
		must(t, err)
		if j.JWK == nil || j.Leaf() != nil {
			t.Errorf("%s: %+v", alg, j)
		}
		must(t, j.Verify(j.JWK))
		if !key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(j.JWK) {
			t.Errorf("%s: another jwk came back", alg)
		}
	}
}

// Every single character changed must be refused: header, payload and signature.
func TestJWSAnyChangeIsRefused(t *testing.T) {
	for _, alg := range tt.Algorithms {
		h := tt.Root(t, alg, "root").Leaf(t, alg)
		compact := h.JWS(t, statement)
		sigAt := strings.LastIndexByte(compact, '.')
		for i := 0; i < len(compact); i++ {
			if i < sigAt-120 && i%17 != 0 {
				continue // the middle of the certificate: a sample
			}
			c := byte('A')
			if compact[i] == 'A' {
				c = 'B'
			}
			changed := compact[:i] + string(c) + compact[i+1:]
			j, err := trust.ParseJWS(changed)
			if err != nil {
				continue
			}
			if err := j.Verify(h.Cert.PublicKey()); err == nil {
				t.Fatalf("%s: character %d changed and it verifies", alg, i)
			}
		}
	}
}

// parts makes a JWS out of a header of the test's own; the signature is of 64 bytes
// and not valid.
func parts(header string) string {
	b := base64.RawURLEncoding
	return b.EncodeToString([]byte(header)) + "." + b.EncodeToString([]byte(statement)) + "." + b.EncodeToString(bytes.Repeat([]byte{1}, 64))
}

func TestJWSRefuses(t *testing.T) {
	h := tt.Root(t, trust.ES256, "root").Leaf(t, trust.ES256)
	x5c := base64.StdEncoding.EncodeToString(h.Cert.Raw)
	const typ = `"typ":"certlink-statement+jws"`
	ok := `{"alg":"ES256",` + typ + `,"x5c":["` + x5c + `"]}`
	if _, err := trust.ParseJWS(parts(ok)); err != nil {
		t.Fatalf("the good one: %v", err)
	}
	with := func(more string) string { return ok[:len(ok)-1] + "," + more + "}" }
	good := h.JWS(t, statement)
	seg := strings.Split(good, ".")
	const xy = `"x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"`
	jwk := func(k string) string { return parts(`{"alg":"ES256",` + typ + `,"jwk":` + k + `}`) }

	cases := []struct {
		name, in string
		want     error
	}{
		{"empty", "", trust.ErrJWSMalformed},
		{"two parts", seg[0] + "." + seg[1], trust.ErrJWSMalformed},
		{"four parts", good + ".AA", trust.ErrJWSMalformed},
		{"detached payload", seg[0] + ".." + seg[2], trust.ErrJWSMalformed},
		{"no signature", seg[0] + "." + seg[1] + ".", trust.ErrJWSMalformed},
		{"padding", good + "==", trust.ErrJWSMalformed},
		{"line end", good + "\n", trust.ErrJWSMalformed},
		{"line end in the header", seg[0][:8] + "\r\n" + seg[0][8:] + "." + seg[1] + "." + seg[2], trust.ErrJWSMalformed},
		{"ordinary base64", strings.Replace(parts(`{"alg":"ÿÿ>?>?"}`), "-", "+", 1), trust.ErrJWSMalformed},
		{"left-over bits", seg[0] + "." + seg[1] + "." + seg[2][:85] + leftOver(seg[2][85]), trust.ErrJWSMalformed},
		{"too long", strings.Repeat("A", trust.MaxJWS+1), trust.ErrJWSMalformed},
		{"no object", parts(`["alg"]`), trust.ErrJWSMalformed},
		{"not JSON", parts(`{alg:1}`), trust.ErrJWSMalformed},
		{"something after", parts(ok + " {}"), trust.ErrJWSMalformed},
		{"not UTF-8", parts("{\"alg\":\"ES256\xff\"}"), trust.ErrJWSMalformed},
		{"none", parts(strings.Replace(ok, "ES256", "none", 1)), trust.ErrJWSAlgorithm},
		{"None", parts(strings.Replace(ok, "ES256", "None", 1)), trust.ErrJWSAlgorithm},
		{"HS256", parts(strings.Replace(ok, "ES256", "HS256", 1)), trust.ErrJWSAlgorithm},
		{"ES384", parts(strings.Replace(ok, "ES256", "ES384", 1)), trust.ErrJWSAlgorithm},
		{"PS256", parts(strings.Replace(ok, "ES256", "PS256", 1)), trust.ErrJWSAlgorithm},
		{"empty alg", parts(strings.Replace(ok, "ES256", "", 1)), trust.ErrJWSAlgorithm},
		{"null alg", parts(strings.Replace(ok, `"ES256"`, "null", 1)), trust.ErrJWSAlgorithm},
		{"alg is a number", parts(strings.Replace(ok, `"ES256"`, "1", 1)), trust.ErrJWSHeader},
		{"no alg", parts(`{` + typ + `,"x5c":["` + x5c + `"]}`), trust.ErrJWSHeader},
		{"no typ", parts(`{"alg":"ES256","x5c":["` + x5c + `"]}`), trust.ErrJWSHeader},
		{"another typ", parts(strings.Replace(ok, "certlink-statement+jws", "JWT", 1)), trust.ErrJWSHeader},
		{"alg twice", parts(with(`"alg":"ES256"`)), trust.ErrJWSHeader},
		{"alg twice, once escaped", parts(with(`"\u0061lg":"none"`)), trust.ErrJWSHeader},
		{"crit", parts(with(`"crit":["exp"]`)), trust.ErrJWSHeader},
		{"b64", parts(with(`"b64":false`)), trust.ErrJWSHeader},
		{"jku", parts(with(`"jku":"https://evil.example"`)), trust.ErrJWSHeader},
		{"x5u", parts(with(`"x5u":"https://evil.example"`)), trust.ErrJWSHeader},
		{"kid", parts(with(`"kid":"1"`)), trust.ErrJWSHeader},
		{"unknown member", parts(with(`"ALG":"none"`)), trust.ErrJWSHeader},
		{"x5c and jwk", parts(with(`"jwk":{}`)), trust.ErrJWSHeader},
		{"neither", parts(`{"alg":"ES256",` + typ + `}`), trust.ErrJWSHeader},
		{"x5c empty", parts(`{"alg":"ES256",` + typ + `,"x5c":[]}`), trust.ErrJWSHeader},
		{"x5c null", parts(`{"alg":"ES256",` + typ + `,"x5c":null}`), trust.ErrJWSHeader},
		{"x5c of eight", parts(`{"alg":"ES256",` + typ + `,"x5c":["` + strings.Repeat(`AA==","`, 7) + `AA=="]}`), trust.ErrJWSHeader},
		{"x5c not base64", parts(`{"alg":"ES256",` + typ + `,"x5c":["` + x5c[1:] + `"]}`), trust.ErrCertificate},
		{"x5c with a line end", parts(`{"alg":"ES256",` + typ + `,"x5c":["` + x5c[:64] + `\n` + x5c[64:] + `"]}`), trust.ErrCertificate},
		{"x5c no certificate", parts(`{"alg":"ES256",` + typ + `,"x5c":["AAAA"]}`), trust.ErrCertificate},
		{"jwk symmetric", jwk(`{"kty":"oct","k":"AAAA"}`), trust.ErrJWSHeader},
		{"jwk private", jwk(`{"kty":"EC","crv":"P-256",` + xy + `,"d":"AA"}`), trust.ErrJWSHeader},
		{"jwk off the curve", jwk(`{"kty":"EC","crv":"P-256",` + xy + `}`), trust.ErrJWSHeader},
		{"jwk off the SM2 curve", jwk(`{"kty":"EC","crv":"SM2",` + xy + `}`), trust.ErrJWSHeader},
		{"jwk of another curve", jwk(`{"kty":"EC","crv":"P-384",` + xy + `}`), trust.ErrJWSHeader},
		{"jwk short", jwk(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`), trust.ErrJWSHeader},
		{"jwk kty twice", jwk(`{"kty":"EC","kty":"RSA"}`), trust.ErrJWSHeader},
		{"jwk use", jwk(`{"kty":"EC","use":"enc"}`), trust.ErrJWSHeader},
		{"jwk alg", jwk(`{"kty":"EC","alg":"RS256"}`), trust.ErrJWSMismatch},
		{"jwk RSA under ES256", jwk(`{"kty":"RSA","n":"` + bigModulus(2048) + `","e":"AQAB"}`), trust.ErrJWSMismatch},
		{"jwk RSA short", jwk(`{"kty":"RSA","n":"` + bigModulus(1024) + `","e":"AQAB"}`), trust.ErrWeak},
		{"jwk RSA huge", jwk(`{"kty":"RSA","n":"` + bigModulus(16384) + `","e":"AQAB"}`), trust.ErrJWSHeader},
	}
	for _, tc := range cases {
		if _, err := trust.ParseJWS(tc.in); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", tc.name, err, tc.want)
		}
	}
}

// leftOver is a last character that decodes to the same byte with other unused bits.
func leftOver(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)|1])
}

func bigModulus(bits uint) string {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return base64.RawURLEncoding.EncodeToString(n.Add(n, big.NewInt(1)).Bytes())
}

func TestVerifyGoesByTheKey(t *testing.T) {
	es, rs, sm := tt.Key(t, trust.ES256), tt.Key(t, trust.RS256), tt.Key(t, trust.SM2SM3)
	compact, err := trust.SignJWS(es, trust.ES256, nil, true, []byte(statement))
	must(t, err)
	j, err := trust.ParseJWS(compact)
	must(t, err)
	for _, other := range []any{rs.Public(), sm.Public()} {
		if err := j.Verify(other); !errors.Is(err, trust.ErrJWSMismatch) {
			t.Errorf("%T: %v", other, err)
		}
	}
	if err := j.Verify(&rsa.PublicKey{N: big.NewInt(35), E: 5}); !errors.Is(err, trust.ErrWeak) {
		t.Errorf("tiny key: %v", err)
	}
	if _, err := trust.SignJWS(es, trust.SM2SM3, nil, true, nil); !errors.Is(err, trust.ErrJWSMismatch) {
		t.Errorf("signing: %v", err)
	}
	if _, err := trust.SignJWS(es, trust.ES256, nil, false, nil); !errors.Is(err, trust.ErrJWSHeader) {
		t.Errorf("signing with no key to be found: %v", err)
	}
}

// An SM2 signature made with another identifier than the default, an empty one
// included, is not one of ours.
func TestSM2IdentifierCounts(t *testing.T) {
	key := tt.Key(t, trust.SM2SM3).(*sm2.PrivateKey)
	compact, err := trust.SignJWS(key, trust.SM2SM3, nil, true, []byte(statement))
	must(t, err)
	seg := strings.Split(compact, ".")
	input := []byte(seg[0] + "." + seg[1])
	sign := func(id string) string {
		der, err := key.Sign(rand.Reader, input, sm2.NewSM2SignerOption(true, []byte(id)))
		must(t, err)
		var rs struct{ R, S *big.Int }
		unmarshal(t, der, &rs)
		raw := append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...)
		return string(input) + "." + base64.RawURLEncoding.EncodeToString(raw)
	}
	for id, want := range map[string]error{"1234567812345678": nil, "alice@example.cn": trust.ErrSignature} {
		j, err := trust.ParseJWS(sign(id))
		must(t, err)
		if err := j.Verify(key.Public()); !errors.Is(err, want) {
			t.Errorf("identifier %q: %v", id, err)
		}
	}
	// OpenSSL with no identifier at all.
	keyFile, inFile := tt.PrivateKeyFile(t, key), tt.File(t, "in", input)
	out := filepath.Join(t.TempDir(), "sig")
	tt.OpenSSL(t, "pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", keyFile, "-in", inFile, "-out", out)
	if err := verifyDER(t, seg, out, key.Public()); !errors.Is(err, trust.ErrSignature) {
		t.Errorf("no identifier: %v", err)
	}
}

// verifyDER puts a DER signature from a file into the JWS and verifies it.
func verifyDER(t *testing.T, seg []string, file string, pub any) error {
	t.Helper()
	der, err := os.ReadFile(file)
	must(t, err)
	raw := der
	if _, isRSA := pub.(*rsa.PublicKey); !isRSA {
		var rs struct{ R, S *big.Int }
		unmarshal(t, der, &rs)
		raw = append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...)
	}
	j, err := trust.ParseJWS(seg[0] + "." + seg[1] + "." + base64.RawURLEncoding.EncodeToString(raw))
	must(t, err)
	return j.Verify(pub)
}

// The evidence must verify with OpenSSL alone, and what OpenSSL signs must verify here.
func TestOpenSSLAgreesBothWays(t *testing.T) {
	for _, alg := range tt.Algorithms {
		t.Run(string(alg), func(t *testing.T) {
			h := tt.Root(t, alg, "root").Leaf(t, alg)
			j, err := trust.ParseJWS(h.JWS(t, statement))
			must(t, err)
			in, sig := tt.File(t, "in", j.SigningInput()), tt.File(t, "sig", j.SignatureDER())
			pub, key := tt.PublicKeyFile(t, h.Cert.PublicKey()), tt.PrivateKeyFile(t, h.Key)
			made := filepath.Join(t.TempDir(), "made")
			if alg == trust.SM2SM3 {
				id := "distid:" + trust.SM2Identifier
				tt.OpenSSL(t, "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pkeyopt", id, "-pubin", "-inkey", pub, "-in", in, "-sigfile", sig)
				tt.OpenSSL(t, "pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-pkeyopt", id, "-inkey", key, "-in", in, "-out", made)
			} else {
				tt.OpenSSL(t, "dgst", "-sha256", "-verify", pub, "-signature", sig, in)
				tt.OpenSSL(t, "dgst", "-sha256", "-sign", key, "-out", made, in)
			}
			seg := strings.Split(string(j.Compact), ".")
			if err := verifyDER(t, seg, made, h.Cert.PublicKey()); err != nil {
				t.Errorf("what openssl signed: %v", err)
			}
			// And OpenSSL is really looking: another message must fail.
			if alg != trust.SM2SM3 {
				wrong := tt.File(t, "wrong", []byte("x"))
				if out, err := tt.TryOpenSSL(t, "dgst", "-sha256", "-verify", pub, "-signature", sig, wrong); err == nil {
					t.Errorf("openssl accepts anything: %s", out)
				}
			}
		})
	}
}

func TestHeaderIsReadOnce(t *testing.T) {
	h := tt.Root(t, trust.ES256, "root").Leaf(t, trust.ES256)
	a, err := trust.ParseJWS(h.JWS(t, "a"))
	must(t, err)
	b, err := trust.ParseJWS(h.JWS(t, "b"))
	must(t, err)
	if a.Leaf() != b.Leaf() {
		t.Error("the same certificate was parsed twice")
	}
	if string(a.Payload) != "a" || string(b.Payload) != "b" {
		t.Error("the payloads were mixed up")
	}
}

func unmarshal(t testing.TB, der []byte, to any) {
	t.Helper()
	_, err := asn1.Unmarshal(der, to)
	must(t, err)
}
