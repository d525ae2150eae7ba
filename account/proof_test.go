package account

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"certlink/internal/id"
)

const scanURL = "https://ca.example.cn/v1/phone/scans"

var b64enc = base64.RawURLEncoding.EncodeToString

// signProof signs any header and claims, right or wrong, by RFC 7515.
func signProof(k *ecdsa.PrivateKey, header, claims string) string {
	text := b64enc([]byte(header)) + "." + b64enc([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
	if err != nil {
		panic(err)
	}
	return text + "." + b64enc(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func headerOf(k *ecdsa.PrivateKey) string {
	return `{"typ":"dpop+jwt","alg":"ES256","jwk":` + string(jwkOf(k)) + `}`
}

// goodClaims are right for a POST of body to scanURL now.
func (w *world) goodClaims(body []byte) map[string]any {
	sum := sha256.Sum256(body)
	return map[string]any{"htm": "POST", "htu": scanURL, "iat": w.clock.Now().Unix(), "jti": id.Secret(16), "nonce": w.Nonce(), "bh": b64enc(sum[:])}
}

func encode(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func TestProof(t *testing.T) {
	w := newWorld(t)
	d, k := w.phone()
	body := []byte(`{"code":"x"}`)
	for i := range 3 { // the first is parsed, the others come from the cache
		proof := signProof(k, headerOf(k), encode(w.goodClaims(body)))
		p, err := w.VerifyProof(t.Context(), ProofInput{Proof: []byte(proof), Method: "POST", URL: scanURL, Body: body})
		want(t, err, nil)
		if p.DeviceID != d.ID || !p.Key.Equal(k.Public()) || string(p.JWK) != string(d.JWK) || len(p.JTI) != 22 {
			t.Errorf("%d: %+v", i, p)
		}
		_, err = w.VerifyProof(t.Context(), ProofInput{Proof: []byte(proof), Method: "POST", URL: scanURL, Body: body})
		want(t, err, ErrReplayed)
	}
	// An empty body has a hash too.
	c := w.goodClaims(nil)
	c["htm"] = "GET"
	_, err := w.VerifyProof(t.Context(), ProofInput{Proof: []byte(signProof(k, headerOf(k), encode(c))), Method: "GET", URL: scanURL})
	want(t, err, nil)
	// iat may have a fraction; exp and nbf are honoured where present.
	c = w.goodClaims(nil)
	c["iat"], c["exp"], c["nbf"] = float64(w.clock.Now().Unix())+0.5, w.clock.Now().Unix()+5, w.clock.Now().Unix()
	_, err = w.VerifyProof(t.Context(), ProofInput{Proof: []byte(signProof(k, headerOf(k), encode(c))), Method: "POST", URL: scanURL})
	want(t, err, nil)
}

func TestProofsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	_, k := w.phone()
	other := newKey(t)
	body := []byte(`{"code":"x"}`)
	now := w.clock.Now().Unix()
	good := func() map[string]any { return w.goodClaims(body) }
	claims := func(name string, v any) string {
		c := good()
		if v == nil {
			delete(c, name)
		} else {
			c[name] = v
		}
		return signProof(k, headerOf(k), encode(c))
	}
	header := func(h string) string { return signProof(k, h, encode(good())) }
	jwk := string(jwkOf(k))
	right := signProof(k, headerOf(k), encode(good()))
	parts := strings.Split(right, ".")
	raw, _ := base64.RawURLEncoding.DecodeString(parts[2])
	n := k.Curve.Params().N
	flipped := new(big.Int).Sub(n, new(big.Int).SetBytes(raw[32:]))
	for name, c := range map[string]struct{ proof, code string }{
		"none":            {"", "dpop_required"},
		"noise":           {"x", "dpop_invalid"},
		"two parts":       {parts[0] + "." + parts[1], "dpop_invalid"},
		"long":            {right + strings.Repeat("A", maxProof), "dpop_invalid"},
		"other key":       {signProof(other, headerOf(k), encode(good())), "dpop_invalid"},
		"changed":         {parts[0] + "." + b64enc([]byte(encode(good()))) + "." + parts[2], "dpop_invalid"},
		"zero signature":  {parts[0] + "." + parts[1] + "." + b64enc(make([]byte, 64)), "dpop_invalid"},
		"short signature": {parts[0] + "." + parts[1] + "." + b64enc(raw[:63]), "dpop_invalid"},
		"DER signature":   {parts[0] + "." + parts[1] + "." + b64enc(append([]byte{0x30, 0x44}, raw...)), "dpop_invalid"},
		"padded":          {right + "==", "dpop_invalid"},
		"htm":             {claims("htm", "GET"), "dpop_invalid"},
		"htm case":        {claims("htm", "post"), "dpop_invalid"},
		"htu":             {claims("htu", "https://evil.example/v1/phone/scans"), "dpop_invalid"},
		"htu query":       {claims("htu", scanURL+"?x=1"), "dpop_invalid"},
		"htu slash":       {claims("htu", scanURL+"/"), "dpop_invalid"},
		"no htu":          {claims("htu", nil), "dpop_invalid"},
		"no iat":          {claims("iat", nil), "dpop_invalid"},
		"iat text":        {claims("iat", fmt.Sprint(now)), "dpop_invalid"},
		"iat old":         {claims("iat", now-61), "dpop_invalid"},
		"iat future":      {claims("iat", now+61), "dpop_invalid"},
		"iat huge":        {claims("iat", 1e300), "dpop_invalid"},
		"exp":             {claims("exp", now), "dpop_invalid"},
		"nbf":             {claims("nbf", now+61), "dpop_invalid"},
		"no jti":          {claims("jti", nil), "dpop_invalid"},
		"jti long":        {claims("jti", strings.Repeat("j", 65)), "dpop_invalid"},
		"no nonce":        {claims("nonce", nil), "use_dpop_nonce"},
		"nonce":           {claims("nonce", "AAAA"), "use_dpop_nonce"},
		"nonce MAC":       {claims("nonce", flip(w.Nonce())), "use_dpop_nonce"},
		"no bh":           {claims("bh", nil), "dpop_invalid"},
		"bh":              {claims("bh", b64enc(make([]byte, 32))), "dpop_invalid"},
		"bh padded":       {claims("bh", good()["bh"].(string)+"="), "dpop_invalid"},
		"htm twice":       {signProof(k, headerOf(k), strings.Replace(encode(good()), `"htm":"POST"`, `"htm":"GET","htm":"POST"`, 1)), "dpop_invalid"},
		"htm in capitals": {signProof(k, headerOf(k), strings.Replace(encode(good()), `"htm"`, `"HTM"`, 1)), "dpop_invalid"},
		"typ":             {header(`{"typ":"JWT","alg":"ES256","jwk":` + jwk + `}`), "dpop_invalid"},
		"no typ":          {header(`{"alg":"ES256","jwk":` + jwk + `}`), "dpop_invalid"},
		"alg none":        {header(`{"typ":"dpop+jwt","alg":"none","jwk":` + jwk + `}`), "dpop_invalid"},
		"alg HS256":       {header(`{"typ":"dpop+jwt","alg":"HS256","jwk":` + jwk + `}`), "dpop_invalid"},
		"alg ES384":       {header(`{"typ":"dpop+jwt","alg":"ES384","jwk":` + jwk + `}`), "dpop_invalid"},
		"alg twice":       {header(`{"typ":"dpop+jwt","alg":"none","alg":"ES256","jwk":` + jwk + `}`), "dpop_invalid"},
		"crit":            {header(`{"typ":"dpop+jwt","alg":"ES256","crit":["x"],"jwk":` + jwk + `}`), "dpop_invalid"},
		"kid":             {header(`{"typ":"dpop+jwt","alg":"ES256","kid":"x","jwk":` + jwk + `}`), "dpop_invalid"},
		"no jwk":          {header(`{"typ":"dpop+jwt","alg":"ES256"}`), "dpop_invalid"},
		"private jwk":     {header(`{"typ":"dpop+jwt","alg":"ES256","jwk":` + strings.TrimSuffix(jwk, "}") + `,"d":"AA"}}`), "dpop_invalid"},
	} {
		_, err := w.VerifyProof(t.Context(), ProofInput{Proof: []byte(c.proof), Method: "POST", URL: scanURL, Body: body})
		if faultOf(err).Code != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.VerifyProof(t.Context(), ProofInput{Proof: []byte(right), Method: "POST", URL: scanURL, Body: append(body, ' ')})
	want(t, err, ErrProof)
	_, err = w.VerifyProof(t.Context(), ProofInput{Proof: []byte(right), Method: "PUT", URL: scanURL, Body: body})
	want(t, err, ErrProof)
	// None of the refusals above has spent the proof.
	_, err = w.VerifyProof(t.Context(), ProofInput{Proof: []byte(right), Method: "POST", URL: scanURL, Body: body})
	want(t, err, nil)
	// (r, n−s) verifies as well; it is the same proof all the same.
	twin := parts[0] + "." + parts[1] + "." + b64enc(append(raw[:32:32], flipped.FillBytes(make([]byte, 32))...))
	_, err = w.VerifyProof(t.Context(), ProofInput{Proof: []byte(twin), Method: "POST", URL: scanURL, Body: body})
	want(t, err, ErrReplayed)
}

// flip changes the last byte of a base64url text.
func flip(s string) string {
	raw, _ := base64.RawURLEncoding.DecodeString(s)
	raw[len(raw)-1] ^= 1
	return b64enc(raw)
}

func (w *world) prove(s *Service, k *ecdsa.PrivateKey, nonce, jti string) error {
	c := w.goodClaims(nil)
	c["nonce"], c["jti"] = nonce, jti
	_, err := s.VerifyProof(w.ctx(), ProofInput{Proof: []byte(signProof(k, headerOf(k), encode(c))), Method: "POST", URL: scanURL})
	return err
}

func TestNonces(t *testing.T) {
	w := newWorld(t)
	k := newKey(t)
	other := w.server() // of the same installation
	first := w.Nonce()
	if other.NextNonce() != first {
		t.Error("two servers have different nonces at one time")
	}
	want(t, w.prove(other, k, first, "1"), nil)
	w.clock.Advance(4*time.Minute + 30*time.Second)
	if w.Nonce() == first {
		t.Error("the nonce does not change")
	}
	want(t, w.prove(w.Service, k, first, "2"), nil)
	w.clock.Advance(30 * time.Second)
	want(t, w.prove(w.Service, k, first, "3"), ErrNonce)

	// A server whose clock is a little ahead.
	ahead := w.server(func(c *Config) {
		c.Clock = func() time.Time { return w.clock.Now().Add(20 * time.Second) }
	})
	for range 3 {
		want(t, w.prove(w.Service, k, ahead.Nonce(), id.Secret(8)), nil)
		w.clock.Advance(10 * time.Second)
	}
	future := w.server(func(c *Config) {
		c.Clock = func() time.Time { return w.clock.Now().Add(time.Minute) }
	})
	want(t, w.prove(w.Service, k, future.Nonce(), "5"), ErrNonce)
	// Another installation's nonce is worth nothing here.
	stranger := newWorld(t)
	want(t, w.prove(w.Service, k, stranger.Nonce(), "6"), ErrNonce)
}

func TestOneProofInParallelCountsOnce(t *testing.T) {
	w := newWorld(t)
	k := newKey(t)
	proof := signProof(k, headerOf(k), encode(w.goodClaims(nil)))
	var ok, replayed atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := w.VerifyProof(t.Context(), ProofInput{Proof: []byte(proof), Method: "POST", URL: scanURL})
			switch {
			case err == nil:
				ok.Add(1)
			case errors.Is(err, ErrReplayed):
				replayed.Add(1)
			}
		})
	}
	wg.Wait()
	if ok.Load() != 1 || replayed.Load() != 19 {
		t.Errorf("%d accepted, %d refused as replayed", ok.Load(), replayed.Load())
	}
}

// A jti belongs to its device: another one's is no replay.
func TestReplayMemory(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.ReplayMemory = 16 }) // one in each shard
	a, b := newKey(t), newKey(t)
	nonce := w.Nonce()
	var full int
	for i := range 100 {
		err := w.prove(w.Service, a, nonce, fmt.Sprint(i))
		if errors.Is(err, ErrProofBusy) {
			if faultOf(err).Retry <= 0 {
				t.Error("does not say when to come back")
			}
			full++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if full < 84 {
		t.Errorf("%d of 100 proofs found it full", full)
	}
	// What was accepted is still known.
	replayed := 0
	for i := range 100 {
		if errors.Is(w.prove(w.Service, a, nonce, fmt.Sprint(i)), ErrReplayed) {
			replayed++
		}
	}
	if replayed != 100-full {
		t.Errorf("%d replays found, want %d", replayed, 100-full)
	}
	// When the nonces have died, so has the memory.
	w.clock.Advance(6 * time.Minute)
	want(t, w.prove(w.Service, b, w.Nonce(), "x"), nil)

	r := newReplays(1000, 10)
	if fresh, _ := r.add("device-a", "1", 5, 5); !fresh {
		t.Error("a new proof")
	}
	if fresh, _ := r.add("device-b", "1", 5, 5); !fresh {
		t.Error("another device's jti was used up")
	}
	if fresh, _ := r.add("device-a", "1", 5, 5); fresh {
		t.Error("a replay")
	}
}

func TestKeyCacheIsBounded(t *testing.T) {
	c := keyCache{limit: 10}
	hot := &deviceJWK{id: "hot"}
	c.put("hot", hot)
	for i := range 1000 {
		c.put(fmt.Sprint(i), &deviceJWK{})
		if d, ok := c.get([]byte("hot")); !ok || d != hot {
			t.Fatalf("what is asked for all the time was forgotten after %d", i)
		}
		if n := len(c.young) + len(c.old); n > 20 {
			t.Fatalf("%d entries", n)
		}
	}
	if _, ok := c.get([]byte("1")); ok {
		t.Error("nothing is forgotten")
	}
}

// Only proofs that verified get into the cache of keys.
func TestForgedProofsFillNoCache(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		victim := newKey(t)
		forged := signProof(newKey(t), headerOf(victim), encode(w.goodClaims(nil)))
		_, err := w.VerifyProof(t.Context(), ProofInput{Proof: []byte(forged), Method: "POST", URL: scanURL})
		want(t, err, ErrProof)
	}
	if n := len(w.proofs.keys.young); n != 0 {
		t.Errorf("%d keys in the cache", n)
	}
}

func FuzzProof(f *testing.F) {
	w := newWorld(f)
	k := newKey(f)
	good := signProof(k, headerOf(k), encode(w.goodClaims(nil)))
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add(b64enc([]byte(`{"typ":"dpop+jwt","alg":"none"}`)) + "." + b64enc([]byte(`{}`)) + ".")
	f.Add(b64enc([]byte(headerOf(k))) + "." + b64enc([]byte(`{"iat":1e999}`)) + ".AA")
	parts := strings.Split(good, ".")
	f.Fuzz(func(t *testing.T, proof string) {
		p, err := w.VerifyProof(t.Context(), ProofInput{Proof: []byte(proof), Method: "POST", URL: scanURL})
		if err == nil {
			// Only the holder of the key makes one: header and claims are the good one's.
			if got := strings.Split(proof, "."); len(got) != 3 || got[0] != parts[0] || got[1] != parts[1] || p.DeviceID == "" {
				t.Fatalf("forged: %q", proof)
			}
			return
		}
		if faultOf(err).Code == "" {
			t.Fatalf("no refusal of ours: %v", err)
		}
	})
}

func FuzzProofParts(f *testing.F) {
	w := newWorld(f)
	k := newKey(f)
	f.Add(headerOf(k), encode(w.goodClaims(nil)))
	f.Add(`{"typ":"dpop+jwt","alg":"ES256","jwk":{}}`, `{"htm":1}`)
	f.Add(`{"jwk":null,"jwk":{}}`, `[]`)
	f.Add(`null`, `null`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		_, err := w.VerifyProof(t.Context(), ProofInput{Proof: []byte(signProof(k, header, claims)), Method: "POST", URL: scanURL})
		if err != nil {
			if faultOf(err).Code == "" {
				t.Fatalf("no refusal of ours: %v", err)
			}
			return
		}
		members, err := object([]byte(header))
		if err != nil || len(members) != 3 {
			t.Fatalf("a loose header was accepted: %q", header)
		}
	})
}

func BenchmarkVerifyProof(b *testing.B) {
	w := newWorld(b)
	const phones, n = 100, 20000
	keys := make([]*ecdsa.PrivateKey, phones)
	for i := range keys {
		keys[i] = newKey(b)
	}
	body := []byte(`{"code":"https://ca.example.cn/q/bAAAAAAAAAAAAAAAAAAAAAA.17.BBBBBBBBBBBBBBBBBBBBBB"}`)
	proofs := make([]string, n)
	for i := range proofs {
		proofs[i] = signProof(keys[i%phones], headerOf(keys[i%phones]), encode(w.goodClaims(body)))
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := next.Add(1) - 1
			_, err := w.VerifyProof(b.Context(), ProofInput{Proof: []byte(proofs[i%n]), Method: "POST", URL: scanURL, Body: body})
			if err != nil && i < n {
				b.Error(err)
				return
			}
		}
	})
}
