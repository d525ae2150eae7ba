package trust

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"sync"

	"github.com/emmansun/gmsm/sm2"
)

// Keys whose private half everybody knows or can find: no certificate is made for
// one, whatever its length.

// smallest is up to which private number (and down from the order) a key on a curve
// is taken for guessed: broken random generators give such.
const smallest = 256

// published are private numbers that stand in standards as examples, and are copied
// into programs from there: RFC 6979 A.2.5 for P-256, GB/T 32918.5 for SM2.
var published = map[bool][]string{
	false: {"c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"},
	true:  {"3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"},
}

var knownPoints = sync.OnceValue(func() map[[32]byte]bool {
	known := map[[32]byte]bool{}
	for isSM2, curve := range map[bool]elliptic.Curve{false: elliptic.P256(), true: sm2.P256()} {
		add := func(d *big.Int) {
			x, _ := curve.ScalarBaseMult(d.FillBytes(make([]byte, 32)))
			known[coordinate(x, isSM2)] = true
		}
		for k := int64(1); k <= smallest; k++ { // n-k has the same first coordinate
			add(big.NewInt(k))
		}
		for _, hex := range published[isSM2] {
			d, _ := new(big.Int).SetString(hex, 16)
			add(d)
		}
	}
	return known
})

// coordinate keys the table; the curves do not share points.
func coordinate(x *big.Int, isSM2 bool) (k [32]byte) {
	x.FillBytes(k[:])
	if isSM2 {
		k[0] ^= 0x80
	}
	return k
}

// knownKey says why a key is as good as published, "" where it is not.
func knownKey(pub crypto.PublicKey) string {
	switch key := pub.(type) {
	case *ecdsa.PublicKey:
		if !key.Curve.IsOnCurve(key.X, key.Y) {
			return "not a point of its curve"
		}
		if knownPoints()[coordinate(key.X, sm2.IsSM2PublicKey(key))] {
			return "a private key that everybody knows"
		}
	case *rsa.PublicKey:
		switch {
		case key.E < 65537:
			return "a small exponent"
		case roca(key.N):
			return "made by a generator with the flaw CVE-2017-15361"
		case closePrimes(key.N):
			return "two primes so close that they are found at once"
		}
		for _, p := range smallPrimes {
			if new(big.Int).Mod(key.N, big.NewInt(p)).Sign() == 0 {
				return "a small prime divides it"
			}
		}
	}
	return ""
}

// smallPrimes are the odd primes up to 167: those that the fingerprint of the
// generator of CVE-2017-15361 is read from.
var smallPrimes = []int64{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
	127, 131, 137, 139, 149, 151, 157, 163, 167}

// roca tells keys of that generator: modulo each small prime they are a power of
// 65537. Of other keys one in many billions is.
func roca(n *big.Int) bool {
	for _, p := range smallPrimes {
		rest := new(big.Int).Mod(n, big.NewInt(p)).Int64()
		power, found := int64(1), false
		for range p {
			if power == rest {
				found = true
				break
			}
			power = power * 65537 % p
		}
		if !found {
			return false
		}
	}
	return true
}

// closePrimes is a hundred steps of Fermat's method.
func closePrimes(n *big.Int) bool {
	a := new(big.Int).Sqrt(n)
	one := big.NewInt(1)
	for range 100 {
		a.Add(a, one)
		b2 := new(big.Int).Mul(a, a)
		b2.Sub(b2, n)
		b := new(big.Int).Sqrt(b2)
		if b.Mul(b, b).Cmp(b2) == 0 {
			return true
		}
	}
	return new(big.Int).Exp(new(big.Int).Sqrt(n), big.NewInt(2), nil).Cmp(n) == 0
}
