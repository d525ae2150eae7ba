package signed

import (
	"bytes"
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
)

type kind int

const (
	rsaPKCS1 kind = iota + 1
	rsaPSS
	ecDSA
	ecSM2
	ed
)

type algorithm struct {
	kind kind
	hash crypto.Hash
}

var (
	oidPSS  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
	null    = []byte{5, 0}
)

// The algorithms that count, by object identifier (RFC 4055, 5758, 8410; GM/T 0006).
var strong = []struct {
	oid asn1.ObjectIdentifier
	algorithm
}{
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, algorithm{ecDSA, crypto.SHA256}},
	{asn1.ObjectIdentifier{1, 2, 156, 10197, 1, 501}, algorithm{ecSM2, 0}},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, algorithm{rsaPKCS1, crypto.SHA256}},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 12}, algorithm{rsaPKCS1, crypto.SHA384}},
	{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 13}, algorithm{rsaPKCS1, crypto.SHA512}},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}, algorithm{ecDSA, crypto.SHA384}},
	{asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}, algorithm{ecDSA, crypto.SHA512}},
	{asn1.ObjectIdentifier{1, 3, 101, 112}, algorithm{ed, 0}},
}

// Those that once counted: named, so that the refusal can say "weak" and not "unknown".
var weak = []asn1.ObjectIdentifier{
	{1, 2, 840, 113549, 1, 1, 2},     // MD2 with RSA
	{1, 2, 840, 113549, 1, 1, 4},     // MD5 with RSA
	{1, 2, 840, 113549, 1, 1, 5},     // SHA-1 with RSA
	{1, 3, 14, 3, 2, 29},             // the same, by ISO
	{1, 2, 840, 113549, 1, 1, 14},    // SHA-224 with RSA
	{1, 2, 840, 10045, 4, 1},         // SHA-1 with ECDSA
	{1, 2, 840, 10045, 4, 3, 1},      // SHA-224 with ECDSA
	{1, 2, 840, 10040, 4, 3},         // SHA-1 with DSA
	{2, 16, 840, 1, 101, 3, 4, 3, 2}, // SHA-256 with DSA
	{1, 2, 156, 10197, 1, 502},       // SHA-1 with SM2
}

// The algorithm identifiers that Sign writes.
var (
	aiSHA256RSA   = mustHex("300d06092a864886f70d01010b0500")
	aiSHA256ECDSA = mustHex("300a06082a8648ce3d040302")
	aiSM2         = mustHex("300a06082a811ccf55018375")
)

func mustHex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// lookUp reads an AlgorithmIdentifier. The two that almost everything uses are
// recognised by their bytes.
func lookUp(der []byte) (algorithm, error) {
	switch {
	case bytes.Equal(der, aiSHA256ECDSA):
		return algorithm{ecDSA, crypto.SHA256}, nil
	case bytes.Equal(der, aiSM2):
		return algorithm{ecSM2, 0}, nil
	case bytes.Equal(der, aiSHA256RSA):
		return algorithm{rsaPKCS1, crypto.SHA256}, nil
	}
	var ai pkix.AlgorithmIdentifier
	if rest, err := asn1.Unmarshal(der, &ai); err != nil || len(rest) != 0 {
		return algorithm{}, ErrShape
	}
	if ai.Algorithm.Equal(oidPSS) {
		return lookUpPSS(ai.Parameters.FullBytes)
	}
	for _, s := range strong {
		if ai.Algorithm.Equal(s.oid) {
			if p := ai.Parameters.FullBytes; len(p) != 0 && !bytes.Equal(p, null) {
				return algorithm{}, ErrUnknown
			}
			return s.algorithm, nil
		}
	}
	for _, w := range weak {
		if ai.Algorithm.Equal(w) {
			return algorithm{}, ErrWeak
		}
	}
	return algorithm{}, ErrUnknown
}

// lookUpPSS accepts the three parameter sets of RFC 4055 that are in use: one hash for
// the message and for the mask, a salt of the hash's length. The default of the
// standard is SHA-1, so absent parameters are weak.
func lookUpPSS(der []byte) (algorithm, error) {
	var p struct {
		Hash    pkix.AlgorithmIdentifier `asn1:"explicit,tag:0,optional"`
		MGF     pkix.AlgorithmIdentifier `asn1:"explicit,tag:1,optional"`
		Salt    int                      `asn1:"explicit,tag:2,optional,default:20"`
		Trailer int                      `asn1:"explicit,tag:3,optional,default:1"`
	}
	if rest, err := asn1.Unmarshal(der, &p); err != nil || len(rest) != 0 {
		return algorithm{}, ErrUnknown
	}
	if p.Hash.Algorithm == nil {
		return algorithm{}, ErrWeak
	}
	var mask pkix.AlgorithmIdentifier
	if rest, err := asn1.Unmarshal(p.MGF.Parameters.FullBytes, &mask); err != nil || len(rest) != 0 ||
		!p.MGF.Algorithm.Equal(oidMGF1) || !mask.Algorithm.Equal(p.Hash.Algorithm) || p.Trailer != 1 {
		return algorithm{}, ErrUnknown
	}
	for last, h := range map[int]crypto.Hash{1: crypto.SHA256, 2: crypto.SHA384, 3: crypto.SHA512} {
		if p.Hash.Algorithm.Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, last}) && p.Salt == h.Size() {
			return algorithm{rsaPSS, h}, nil
		}
	}
	return algorithm{}, ErrWeak
}
