package account

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"math"
	"sync"
	"time"

	jsonv2 "github.com/go-json-experiment/json"

	"certlink/internal/fault"
	"certlink/internal/seal"
	"certlink/trust"
)

// ProofInput is a request as the proof must describe it.
type ProofInput struct {
	Proof  []byte // the DPoP header; of it nothing is kept
	Method string
	URL    string // htu: the public origin and the path, without query or fragment
	Body   []byte
}

// Proof is a checked one: the request comes from the holder of this key.
type Proof struct {
	DeviceID string // RFC 7638 thumbprint
	Key      *ecdsa.PublicKey
	JWK      json.RawMessage
	JTI      string
}

const (
	maxProof = 4096
	maxJTI   = 64
)

// proofs is what checking needs; one per server.
type proofs struct {
	nonces  nonces
	replays *replays
	keys    keyCache
	skew    time.Duration
}

func newProofs(ring *seal.Ring, l Limits) *proofs {
	life := int64(l.NonceLife / nonceStep)
	return &proofs{
		nonces:  nonces{key: ring.Derive("dpop nonce"), life: life},
		replays: newReplays(l.ReplayMemory, life),
		keys:    keyCache{limit: l.ProofCache},
		skew:    l.ProofSkew,
	}
}

// proofClaims are the claims of RFC 9449 §4.2 and ours: bh, the hash of the body.
type proofClaims struct {
	HTM   string   `json:"htm"`
	HTU   string   `json:"htu"`
	IAT   *float64 `json:"iat"`
	EXP   *float64 `json:"exp"`
	NBF   *float64 `json:"nbf"`
	JTI   string   `json:"jti"`
	Nonce string   `json:"nonce"`
	BH    string   `json:"bh"`
}

// invalid says which claim is wrong, for the app's developer, and our time, for
// a phone whose clock is off.
func (s *Service) invalid(claim string) *fault.Error {
	return ErrProof.With("claim", claim).With("server_time", s.now().UTC().Format(time.RFC3339))
}

// VerifyProof checks the DPoP proof of a request (RFC 9449 §4.3). It says who
// holds the key, not that the device is registered: that is Device.
//
// What costs least comes first, the signature after all the claims, and only a
// proof that is right in all else is remembered, so that nobody can use up
// another device's jti.
func (s *Service) VerifyProof(_ context.Context, in ProofInput) (*Proof, error) {
	switch {
	case len(in.Proof) == 0:
		return nil, ErrProofRequired
	case len(in.Proof) > maxProof:
		return nil, s.invalid("length")
	}
	var (
		c      proofClaims
		device *deviceJWK
		cached bool
		now    = s.now()
	)
	header, claims, signature, ok := parts(in.Proof)
	if !ok {
		return nil, s.invalid("format")
	}
	if err := readClaims(claims, &c); err != nil {
		return nil, s.invalid("format").Because(err)
	}
	if device, cached = s.proofs.keys.get(header); !cached {
		var err error
		if device, err = parseProofHeader(header); err != nil {
			return nil, s.invalid("header").Because(err)
		}
	}
	stretch, err := s.checkClaims(&c, in, now)
	if err != nil {
		return nil, err
	}
	raw, err := b64url.AppendDecode(make([]byte, 0, 64), signature)
	if err != nil {
		return nil, s.invalid("format").Because(err)
	}
	if !trust.VerifyES256(device.key, in.Proof[:len(header)+1+len(claims)], raw) {
		return nil, s.invalid("signature")
	}
	if !cached {
		s.proofs.keys.put(string(header), device)
	}
	switch fresh, full := s.proofs.replays.add(device.id, c.JTI, stretch, stretchOf(now)); {
	case full:
		return nil, ErrProofBusy.After(nonceStep)
	case !fresh:
		return nil, ErrReplayed
	}
	return &Proof{DeviceID: device.id, Key: device.key, JWK: device.canonical, JTI: c.JTI}, nil
}

// parts cuts a compact JWS (RFC 7515 §7.1).
func parts(compact []byte) (header, claims, signature []byte, ok bool) {
	header, rest, ok1 := bytes.Cut(compact, dot)
	claims, signature, ok2 := bytes.Cut(rest, dot)
	return header, claims, signature, ok1 && ok2 && !bytes.Contains(signature, dot)
}

var dot = []byte(".")

// readClaims is strict about what other parsers read in another way: a member that
// stands twice, and names that differ in case.
func readClaims(segment []byte, c *proofClaims) error {
	raw, err := b64url.AppendDecode(make([]byte, 0, b64url.DecodedLen(len(segment))), segment)
	if err != nil {
		return err
	}
	return jsonv2.Unmarshal(raw, c)
}

func (s *Service) checkClaims(c *proofClaims, in ProofInput, now time.Time) (int64, error) {
	stretch, ok := s.proofs.nonces.check(c.Nonce, now)
	switch {
	case !ok:
		return 0, ErrNonce
	case c.HTM != in.Method:
		return 0, s.invalid("htm")
	case c.HTU != in.URL:
		return 0, s.invalid("htu")
	case c.JTI == "" || len(c.JTI) > maxJTI:
		return 0, s.invalid("jti")
	case c.IAT == nil || !near(*c.IAT, now, s.proofs.skew):
		return 0, s.invalid("iat")
	case c.EXP != nil && !(*c.EXP > float64(now.Unix())):
		return 0, s.invalid("exp")
	case c.NBF != nil && !(*c.NBF <= float64(now.Unix())+s.proofs.skew.Seconds()):
		return 0, s.invalid("nbf")
	}
	sum := sha256.Sum256(in.Body)
	var text [43]byte
	b64url.Encode(text[:], sum[:])
	if c.BH != string(text[:]) {
		return 0, s.invalid("bh")
	}
	return stretch, nil
}

func near(iat float64, now time.Time, skew time.Duration) bool {
	return math.Abs(iat-float64(now.UnixMilli())/1000) <= skew.Seconds() // false for NaN
}

// parseProofHeader reads the header strictly; done once per device and server.
func parseProofHeader(segment []byte) (*deviceJWK, error) {
	raw, err := b64url.AppendDecode(nil, segment)
	if err != nil {
		return nil, err
	}
	members, err := object(raw)
	if err != nil {
		return nil, err
	}
	for name := range members {
		// Nothing else has a meaning here, and crit, kid, jku and x5c would
		// pretend that it had.
		if name != "typ" && name != "alg" && name != "jwk" {
			return nil, ErrProof.Becausef("header member %.32q", name)
		}
	}
	if string(members["typ"]) != `"dpop+jwt"` || string(members["alg"]) != `"ES256"` {
		return nil, ErrProof.Becausef("typ or alg")
	}
	return parseJWK(members["jwk"])
}

// keyCache keeps parsed headers of proofs that verified, by the header's text,
// which a phone sends unchanged each time. Two generations bound it: when the
// young one is full it becomes the old one, and what the old one held is
// forgotten unless it was asked for meanwhile.
type keyCache struct {
	mu         sync.RWMutex
	limit      int
	young, old map[string]*deviceJWK
}

func (k *keyCache) get(header []byte) (*deviceJWK, bool) {
	k.mu.RLock()
	d, ok := k.young[string(header)]
	if ok {
		k.mu.RUnlock()
		return d, true
	}
	d, ok = k.old[string(header)]
	k.mu.RUnlock()
	if ok {
		k.put(string(header), d)
	}
	return d, ok
}

func (k *keyCache) put(header string, d *deviceJWK) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.young) >= k.limit || k.young == nil {
		k.young, k.old = make(map[string]*deviceJWK), k.young
	}
	k.young[header] = d
}
