package phone

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// OpenSSL checks the proof of possession of every kind of request.
func TestRequestsAgreeWithOpenSSL(t *testing.T) {
	for _, alg := range trusttest.Algorithms {
		key, err := MakePrivateKey(alg)
		if err != nil {
			t.Fatal(err)
		}
		der, err := MakeCSR(key, "王敏")
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "request.der")
		check := func(der []byte) (string, error) {
			if err := os.WriteFile(file, der, 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"req", "-inform", "DER", "-in", file, "-verify", "-noout", "-subject", "-nameopt", "utf8"}
			if alg == trust.SM2SM3 {
				args = append(args, "-vfyopt", "distid:"+trust.SM2Identifier)
			}
			return trusttest.TryOpenSSL(t, args...)
		}
		out, err := check(der)
		if err != nil || !strings.Contains(out, "王敏") || strings.Contains(out, "failure") {
			t.Errorf("%s: %v\n%s", alg, err, out)
		}
		der[len(der)-1] ^= 1
		if out, err := check(der); err == nil && !strings.Contains(out, "failure") {
			t.Errorf("%s: a changed request was taken\n%s", alg, out)
		}
		if _, err := MakePrivateKey("ES384"); err == nil {
			t.Error("a key for an algorithm that does not exist")
		}
	}
}

func TestRawSignature(t *testing.T) {
	// r and s shorter than 32 bytes, and with the zero that keeps an integer positive.
	der := []byte{0x30, 8, 2, 1, 5, 2, 3, 0, 0x80, 1}
	raw, err := rawSignature(der)
	if err != nil || len(raw) != 64 || raw[31] != 5 || raw[62] != 0x80 || raw[63] != 1 || raw[0] != 0 || raw[32] != 0 {
		t.Errorf("%x, %v", raw, err)
	}
	for _, bad := range [][]byte{nil, {0x30}, {0x30, 0}, {0x30, 3, 2, 1, 5}, der[:len(der)-1]} {
		if _, err := rawSignature(bad); err == nil {
			t.Errorf("%x was read", bad)
		}
	}
	for range 300 { // about one in 128 has a half shorter than 32 bytes
		d, err := makeDeviceKey()
		if err != nil {
			t.Fatal(err)
		}
		if sig, err := es256(d.key, []byte("x")); err != nil || len(sig) != 64 {
			t.Fatalf("%d bytes, %v", len(sig), err)
		}
	}
}

func BenchmarkProof(b *testing.B) {
	d, err := makeDeviceKey()
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(strings.Repeat("x", 2000))
	now := time.Now()
	for b.Loop() {
		if _, err := d.proof(now, "POST", "https://certlink.example/v1/phone/scans", "nonce", body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseStatement(b *testing.B) {
	text := b64.EncodeToString([]byte(`{"actor":{"id":"01","name":"王敏","organisation":"杭州联链示范科技有限公司","organisation_id":"02"},"audience":"https://certlink.example","details":{"medium":"mobile","provider":"huixin","provider_name":"汇信CA"},"expires_at":"2026-01-01T00:00:00Z","id":"x","issued_at":"2026-01-01T00:00:00Z","nonce":"n","purpose":"bind","requester":{"browser":"Firefox","ip":"192.0.2.1","started_at":"2026-01-01T00:00:00Z"},"version":"1"}`))
	for b.Loop() {
		if _, err := ParseStatement(text); err != nil {
			b.Fatal(err)
		}
	}
}
