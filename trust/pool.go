package trust

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"certlink/trust/internal/lru"
	"certlink/trust/internal/signed"
)

const (
	maxPoolBytes = 1 << 20
	maxPoolSize  = 128
)

// Pool holds the trust anchors of ONE provider: its roots, and the intermediates under
// them. It does not change; another set of anchors is another Pool. Chains that were
// found once are remembered with it.
type Pool struct {
	all       []*Certificate
	roots     map[[32]byte]bool
	bySubject map[string][]*Certificate
	paths     *lru.Cache[[32]byte, []*path]
}

// NewPool reads roots and intermediates in PEM. Every mistake is named: the refusal's
// Fields point at the certificates by their place in the file, counted from 0.
func NewPool(pemBytes []byte) (*Pool, error) {
	p := &Pool{roots: map[[32]byte]bool{}, bySubject: map[string][]*Certificate{},
		paths: lru.New[[32]byte, []*path](2048)}
	refusal := ErrAnchors
	at := func(i int, zh, en string) { refusal = refusal.At(fmt.Sprintf("/%d", i), zh, en) }

	if len(pemBytes) > maxPoolBytes {
		return nil, refusal.At("", "文件过大，最多 1 MiB", "the file is too large, at most 1 MiB")
	}
	places := map[*Certificate]int{}
	seen := map[[32]byte]bool{}
	rest, n := pemBytes, 0
	for ; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if n >= maxPoolSize {
			return nil, refusal.At("", fmt.Sprintf("证书过多，最多 %d 张", maxPoolSize), fmt.Sprintf("too many certificates, at most %d", maxPoolSize))
		}
		if block.Type != "CERTIFICATE" {
			at(n, fmt.Sprintf("不是证书，而是“%s”", printable([]byte(block.Type))), fmt.Sprintf("this is no certificate but %q", block.Type))
			continue
		}
		c, err := ParseCertificate(block.Bytes)
		if err != nil {
			at(n, "证书无法读取", "the certificate cannot be read: "+errors.Unwrap(err).Error())
			continue
		}
		if seen[c.sum] {
			at(n, "证书重复："+c.Subject(), "the certificate is there twice: "+c.Subject())
			continue
		}
		seen[c.sum] = true
		if zh, en := anchorMistake(c); en != "" {
			at(n, zh+"："+c.Subject(), en+": "+c.Subject())
			continue
		}
		places[c] = n
		p.add(c)
	}
	if len(bytes.TrimSpace(rest)) > 0 || bytes.Count(pemBytes, []byte("-----BEGIN ")) != n {
		refusal = refusal.At("", "文件中有无法识别的内容，须为 PEM 格式的证书", "the file has parts that are no PEM; it must hold certificates in PEM")
	}
	if len(p.roots) == 0 {
		refusal = refusal.At("", "没有根证书（自签名的 CA 证书）", "there is no root, that is a self-signed certificate of an authority")
	} else {
		for _, c := range p.all {
			if _, err := p.find(c, nil); err != nil && !p.roots[c.sum] {
				at(places[c], "中级证书不能连到本文件中的根证书："+c.Subject(), "this intermediate leads to none of the roots in this file: "+c.Subject())
			}
		}
	}
	if len(refusal.Fields) > 0 {
		return nil, refusal
	}
	return p, nil
}

func (p *Pool) add(c *Certificate) {
	p.all = append(p.all, c)
	subject := string(c.X.RawSubject)
	p.bySubject[subject] = append(p.bySubject[subject], c)
	if isRoot(c) {
		p.roots[c.sum] = true
	}
}

// anchorMistake says what is wrong with a certificate as an authority's.
func anchorMistake(c *Certificate) (zh, en string) {
	switch {
	case !mayIssue(c):
		return "不是 CA 证书，或其密钥用法不含签发证书", "not an authority's certificate, or its key usage does not allow issuing"
	case authorityKey(c.X.PublicKey) != nil:
		return "密钥强度不足或类型不受支持", "its key is too weak or of an unsupported kind"
	case !isRoot(c) && c.object.Weak() != nil:
		return "签名算法强度不足或不受支持", "it is signed with a weak or unknown algorithm"
	case len(c.X.UnhandledCriticalExtensions) > 0:
		return "含有无法识别的关键扩展", "it has a critical extension that is not understood"
	}
	return "", ""
}

// isRoot says whether the certificate is self-signed. The signature of a root proves
// nothing about trust (the operator trusts the file), so an old root signed with
// SHA-1 counts; a self-issued certificate signed by an older key of the same authority
// does not.
func isRoot(c *Certificate) bool {
	if !c.SelfIssued() {
		return false
	}
	if aki := c.X.AuthorityKeyId; len(aki) > 0 && len(c.X.SubjectKeyId) > 0 && !bytes.Equal(aki, c.X.SubjectKeyId) {
		return false
	}
	err := c.object.Verify(c.X.PublicKey)
	return err == nil || errors.Is(err, signed.ErrWeak)
}

// Certificates lists the pool, in the order of the file.
func (p *Pool) Certificates() []*Certificate { return append([]*Certificate(nil), p.all...) }

// Contains says whether c is one of the provider's own certificates.
func (p *Pool) Contains(c *Certificate) bool {
	for _, mine := range p.bySubject[string(c.X.RawSubject)] {
		if mine.sum == c.sum {
			return true
		}
	}
	return false
}

// OutsideTerm lists the certificates that are not valid at now, for the operator to
// see: chains through them are refused.
func (p *Pool) OutsideTerm(now time.Time) []*Certificate {
	var out []*Certificate
	for _, c := range p.all {
		if validity(c, now) != 0 {
			out = append(out, c)
		}
	}
	return out
}

// validity is -1 before the term, 1 after it, 0 within.
func validity(c *Certificate, now time.Time) int {
	switch {
	case now.Before(c.X.NotBefore):
		return -1
	// The encoded times have whole seconds and the last one is inside the term.
	case !now.Before(c.X.NotAfter.Add(time.Second)):
		return 1
	}
	return 0
}
