package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certlink/internal/id"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
)

// units are what the parts of a flow cost on this machine, in CPU time of all who take
// part, measured bare: the primitive and nothing around it. What certlink adds around
// them therefore counts against it.
type units struct {
	roundTrip, event         time.Duration
	proofSign, proofVerify   time.Duration
	jwt, sign, verify, chain time.Duration
	appendCPU                time.Duration

	requestSign, requestVerify, certify time.Duration // see requests
	appendRate                          float64       // a second, at this concurrency
}

// Each is measured in rounds, of which the cheapest counts: whatever else the machine
// does can only make a round dearer, and a floor must not rise and fall with it.
const unitRounds = 7

// unitTime is how long a round lasts; shorter only in tests.
var unitTime = 60 * time.Millisecond

var b64 = base64.RawURLEncoding

// each is the CPU time of one f, over many, with every core at it: two cores of a
// machine are often two threads of one, and slow each other down in the run as they do
// here. f is given numbers that only one caller has at a time.
func each(f func(i int) error) (time.Duration, error) {
	for i := range 20 { // so that caches and the heap are as in the middle of a run
		if err := f(i); err != nil {
			return 0, err
		}
	}
	best := time.Duration(math.MaxInt64)
	for range unitRounds {
		var n atomic.Int64
		cpu := cpuSelf()
		err := together(runtime.NumCPU(), unitTime, func() error {
			for range 10 {
				if err := f(int(n.Add(1))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		best = min(best, (cpuSelf()-cpu)/time.Duration(n.Load()))
	}
	return best, nil
}

// measureUnits measures everything, one after the other, while the server rests.
func measureUnits(ctx context.Context, w *world, dir string, concurrency int) (*units, error) {
	u := &units{}
	for _, m := range []func(context.Context, *world) error{u.proofs, u.tokens, u.signatures, u.chains, u.requests} {
		if err := m(ctx, w); err != nil {
			return nil, err
		}
	}
	if err := u.appends(ctx, dir, concurrency); err != nil {
		return nil, fmt.Errorf("measuring durable appends: %w", err)
	}
	if err := u.http(ctx, concurrency); err != nil {
		return nil, fmt.Errorf("measuring empty HTTP round trips: %w", err)
	}
	return u, nil
}

// proofs: ES256 over a proof of the usual length, and the hash of a body.
func (u *units) proofs(context.Context, *world) (err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	body := []byte(strings.Repeat("x", 3000))
	bh := sha256.Sum256(body)
	claims, err := json.Marshal(map[string]any{"htm": "POST", "htu": "http://127.0.0.1:12345/v1/phone/sessions/abcdefghijklmnopqrstuv/confirm",
		"iat": time.Now().Unix(), "jti": id.Secret(16), "nonce": id.Secret(24), "bh": b64.EncodeToString(bh[:])})
	if err != nil {
		return err
	}
	input := []byte(strings.Repeat("h", 220) + "." + b64.EncodeToString(claims))
	first := sha256.Sum256(input)
	signature, err := ecdsa.SignASN1(rand.Reader, key, first[:])
	if err != nil {
		return err
	}
	if u.proofSign, err = each(func(int) error {
		if hashed := sha256.Sum256(body); hashed != bh {
			return errors.New("the hash of the body differs")
		}
		sum := sha256.Sum256(input)
		_, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		return err
	}); err != nil {
		return err
	}
	u.proofVerify, err = each(func(int) error {
		if hashed := sha256.Sum256(body); hashed != bh {
			return errors.New("the hash of the body differs")
		}
		sum := sha256.Sum256(input)
		if !ecdsa.VerifyASN1(&key.PublicKey, sum[:], signature) {
			return errors.New("a proof of ours does not verify")
		}
		return nil
	})
	return err
}

// tokens: a JWT as the accounts of this run have it, by the library that is used.
func (u *units) tokens(_ context.Context, w *world) error {
	token, err := w.token("bench", "基准测试员")
	if err != nil {
		return err
	}
	p := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuerURL), jwt.WithAudience(audience))
	u.jwt, err = each(func(int) error {
		_, err := p.Parse(token, func(*jwt.Token) (any, error) { return &w.signer.PublicKey, nil })
		return err
	})
	return err
}

// statement is one of the usual length.
var statement = []byte(`{"actor":{"id":"01kaq3xq2vb8m0k0n5m4c3t2s1","name":"测试员bench123","organisation":"` + organisationName + `","organisation_id":"01kaq3xq2vb8m0k0n5m4c3t2s2"},` +
	`"audience":"http://127.0.0.1:12345","details":{"medium":"mobile","provider":"bench","provider_name":"基准CA"},"expires_at":"2026-11-23T00:03:00Z",` +
	`"id":"01kaq3xq2vb8m0k0n5m4c3t2s3","issued_at":"2026-11-23T00:00:00Z","nonce":"0123456789012345678901234567890123456789012","purpose":"bind",` +
	`"requester":{"browser":"certlink-bench","ip":"127.0.0.1","started_at":"2026-11-23T00:00:00Z"},"version":"1"}`)

// signatures: signing the statement by the bare key, and verifying the JWS.
func (u *units) signatures(_ context.Context, w *world) error {
	const several = 64 // certificates in turn
	var compact [several]string
	var leaves [several]*trust.Certificate
	var key crypto.Signer
	for i := range several {
		k, der, err := w.authority.leaf("单元")
		if err != nil {
			return err
		}
		key = k
		if leaves[i], err = trust.ParseCertificate(der); err != nil {
			return err
		}
		if compact[i], err = trust.SignJWS(k, w.authority.alg, [][]byte{der, w.authority.issuing.Raw}, false, statement); err != nil {
			return err
		}
	}
	input := []byte(compact[0][:strings.LastIndexByte(compact[0], '.')])
	var err error
	if u.sign, err = each(func(int) error { return signBare(key, w.authority.alg, input) }); err != nil {
		return err
	}
	type checked struct {
		input, signature []byte
	}
	var all [several]checked
	for i, c := range compact {
		at := strings.LastIndexByte(c, '.')
		raw, err := b64.DecodeString(c[at+1:])
		if err != nil {
			return err
		}
		if w.authority.alg != trust.RS256 {
			if raw, err = toDER(raw); err != nil {
				return err
			}
		}
		all[i] = checked{[]byte(c[:at]), raw}
	}
	u.verify, err = each(func(i int) error {
		c := all[i%several]
		return verifyBare(leaves[i%several].PublicKey(), w.authority.alg, c.input, c.signature)
	})
	return err
}

func signBare(key crypto.Signer, alg trust.Algorithm, input []byte) error {
	if alg == trust.SM2SM3 {
		_, err := key.Sign(rand.Reader, input, sm2.DefaultSM2SignerOpts)
		return err
	}
	sum := sha256.Sum256(input)
	_, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	return err
}

func verifyBare(pub crypto.PublicKey, alg trust.Algorithm, input, signature []byte) error {
	ok := false
	switch alg {
	case trust.RS256:
		sum := sha256.Sum256(input)
		ok = rsa.VerifyPKCS1v15(pub.(*rsa.PublicKey), crypto.SHA256, sum[:], signature) == nil
	case trust.ES256:
		sum := sha256.Sum256(input)
		ok = ecdsa.VerifyASN1(pub.(*ecdsa.PublicKey), sum[:], signature)
	case trust.SM2SM3:
		ok = sm2.VerifyASN1WithSM2(pub.(*ecdsa.PublicKey), []byte(trust.SM2Identifier), input, signature)
	}
	if !ok {
		return errors.New("a signature of ours does not verify")
	}
	return nil
}

func toDER(rs []byte) ([]byte, error) {
	if len(rs) != 64 {
		return nil, errors.New("a signature does not have 64 bytes")
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(rs[:32]))
		b.AddASN1BigInt(new(big.Int).SetBytes(rs[32:]))
	})
	return b.Bytes()
}

// chains: reading a leaf that was never seen, and checking its issuer's signature.
func (u *units) chains(_ context.Context, w *world) error {
	const several = 64
	var ders [several][]byte
	for i := range several {
		_, der, err := w.authority.leaf("单元")
		if err != nil {
			return err
		}
		ders[i] = der
	}
	var err error
	u.chain, err = each(func(i int) error {
		leaf, err := smx509.ParseCertificate(ders[i%several])
		if err != nil {
			return err
		}
		return leaf.CheckSignatureFrom(w.authority.issuing.X)
	})
	return err
}

// appends: documents of the usual size, created durably by as many callers as the run
// has, on the same disk and by the same embedded engine.
func (u *units) appends(ctx context.Context, dir string, concurrency int) error {
	path := filepath.Join(dir, "appends")
	defer os.RemoveAll(path)
	db, err := sqlite.Open(ctx, path, []store.Collection{{Name: "appended"}})
	if err != nil {
		return err
	}
	defer db.Close()
	body := []byte(`{"body":"` + strings.Repeat("x", 1200) + `"}`)
	var n atomic.Int64
	work := func(d time.Duration) error {
		return together(concurrency, d, func() error {
			n.Add(1)
			return db.Create(ctx, "appended", store.Doc{ID: id.New(), Body: body})
		})
	}
	if err := work(2 * unitTime); err != nil {
		return err
	}
	u.appendCPU = math.MaxInt64
	for range 3 {
		n.Store(0)
		cpu, begun := cpuSelf(), time.Now()
		if err := work(6 * unitTime); err != nil {
			return err
		}
		u.appendRate = max(u.appendRate, float64(n.Load())/time.Since(begun).Seconds())
		u.appendCPU = min(u.appendCPU, (cpuSelf()-cpu)/time.Duration(n.Load()))
	}
	return nil
}

// together has several callers repeat f for a while.
func together(callers int, d time.Duration, f func() error) error {
	end := time.Now().Add(d)
	errs := make(chan error, callers)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			// At least once: on a busy machine a caller's turn may come after the end.
			for more := true; more; more = time.Now().Before(end) {
				if err := f(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
