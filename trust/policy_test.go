package trust_test

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/internal/fault"
	"certlink/trust"
	tt "certlink/trust/trusttest"
)

var offline = trust.RevocationNone

func TestCheckAcceptsEveryMixOfKeys(t *testing.T) {
	for _, up := range tt.Algorithms {
		root := tt.Root(t, up, "root "+string(up))
		for _, mid := range tt.Algorithms {
			sub := root.Sub(t, mid, "sub "+string(mid))
			policy := trust.Policy{Anchors: tt.Pool(t, root.Cert, sub.Cert), Revocation: offline, Identifiers: trust.DefaultIdentifiers()}
			for _, alg := range tt.Algorithms {
				h := sub.Leaf(t, alg)
				got, err := policy.Check(t.Context(), h.Cert, nil, tt.Now, nil)
				if err != nil {
					t.Errorf("%s/%s/%s: %v", up, mid, alg, err)
					continue
				}
				if len(got.Chain) != 3 || got.Chain[0] != h.Cert || got.Chain[2] != root.Cert {
					t.Errorf("%s/%s/%s: chain %v", up, mid, alg, got.Chain)
				}
				if got.Identity.PersonName != "张三" || got.Identity.OrganisationName != "杭州示例科技有限公司" {
					t.Errorf("identity %+v", got.Identity)
				}
			}
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	root := tt.Root(t, trust.ES256, "root")
	sub := root.Sub(t, trust.ES256, "sub")
	pool := tt.Pool(t, root.Cert, sub.Cert)
	other := tt.Root(t, trust.ES256, "sub") // another provider with the same name
	old := root.Sub(t, trust.ES256, "old", func(c *tt.Template) { c.NotAfter = tt.Start.AddDate(0, 1, 0) })
	short := root.Sub(t, trust.ES256, "short", func(c *tt.Template) { c.MaxPathLen = 0; c.MaxPathLenZero = true })
	noCA := root.Sub(t, trust.ES256, "no authority", func(c *tt.Template) {
		c.IsCA, c.MaxPathLen, c.KeyUsage = false, 0, smx509.KeyUsageDigitalSignature
	})
	noSign := root.Sub(t, trust.ES256, "may not issue", func(c *tt.Template) { c.KeyUsage = smx509.KeyUsageCRLSign })
	sha1 := root.Sub(t, trust.RS256, "rsa")
	unknown := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}
	odd := root.Sub(t, trust.ES256, "odd", func(c *tt.Template) { c.ExtraExtensions = []pkix.Extension{unknown} })
	limited := root.Sub(t, trust.ES256, "limited", func(c *tt.Template) {
		c.PermittedEmailAddresses, c.PermittedDNSDomainsCritical = []string{"example.cn"}, true
	})

	cases := []struct {
		name string
		of   *tt.Authority
		sent []*trust.Certificate
		edit func(*tt.Template)
		at   time.Time
		want error
	}{
		{name: "another provider of the same name", of: other, want: trust.ErrUntrusted},
		{name: "unknown intermediate not sent along", of: root.Sub(t, trust.ES256, "unsent"), want: trust.ErrUntrusted},
		{name: "expired", of: sub, at: tt.Start.AddDate(1, 0, 0).Add(time.Second), want: trust.ErrExpired},
		{name: "not yet valid", of: sub, at: tt.Start.Add(-time.Second), want: trust.ErrNotYetValid},
		{name: "expired authority", of: old, sent: []*trust.Certificate{old.Cert}, want: trust.ErrAuthorityExpired},
		{name: "encryption twin", of: sub, edit: func(c *tt.Template) { c.KeyUsage = smx509.KeyUsageKeyEncipherment }, want: trust.ErrKeyUsage},
		{name: "an authority's certificate", of: sub, edit: func(c *tt.Template) { c.IsCA = true; c.KeyUsage |= smx509.KeyUsageCertSign }, want: trust.ErrKeyUsage},
		{name: "path too long", of: short.Sub(t, trust.ES256, "deeper"), want: trust.ErrUntrusted},
		{name: "issued by a holder", of: noCA, sent: []*trust.Certificate{noCA.Cert}, want: trust.ErrUntrusted},
		{name: "issued by an authority that may not", of: noSign, sent: []*trust.Certificate{noSign.Cert}, want: trust.ErrUntrusted},
		{name: "SHA-1", of: sha1, sent: []*trust.Certificate{sha1.Cert}, edit: func(c *tt.Template) { c.SignatureAlgorithm = smx509.SHA1WithRSA }, want: trust.ErrWeak},
		{name: "critical extension in the leaf", of: sub, edit: func(c *tt.Template) { c.ExtraExtensions = []pkix.Extension{unknown} }, want: trust.ErrCritical},
		{name: "critical extension above", of: odd, sent: []*trust.Certificate{odd.Cert}, want: trust.ErrCritical},
		{name: "name constraint", of: limited, sent: []*trust.Certificate{limited.Cert}, edit: func(c *tt.Template) { c.EmailAddresses = []string{"a@example.com"} }, want: trust.ErrUntrusted},
	}
	cases[7].sent = []*trust.Certificate{cases[7].of.Cert, short.Cert}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			edit := tc.edit
			if edit == nil {
				edit = func(*tt.Template) {}
			}
			if tc.at.IsZero() {
				tc.at = tt.Now
				if tc.name == "expired authority" {
					tc.at = tt.Start.AddDate(0, 2, 0)
				}
			}
			h := tc.of.Leaf(t, trust.ES256, edit)
			policy := trust.Policy{Anchors: pool, Revocation: offline}
			for range 2 { // the second time from what is remembered
				_, err := policy.Check(t.Context(), h.Cert, tc.sent, tc.at, nil)
				if !errors.Is(err, tc.want) {
					t.Fatalf("got %v, want %v", err, tc.want)
				}
			}
		})
	}

	// The same constraint, kept: so that the refusal above is the constraint's.
	h := limited.Leaf(t, trust.ES256, func(c *tt.Template) { c.EmailAddresses = []string{"a@example.cn"} })
	policy := trust.Policy{Anchors: pool, Revocation: offline}
	if _, err := policy.Check(t.Context(), h.Cert, []*trust.Certificate{limited.Cert}, tt.Now, nil); err != nil {
		t.Errorf("name constraint kept: %v", err)
	}
}

func TestSelfSignedIsNobodysCertificate(t *testing.T) {
	root := tt.Root(t, trust.SM2SM3, "root")
	self := tt.Root(t, trust.SM2SM3, "root", func(c *tt.Template) {
		c.IsCA, c.MaxPathLen, c.KeyUsage = false, 0, smx509.KeyUsageDigitalSignature
	})
	policy := trust.Policy{Anchors: tt.Pool(t, root.Cert), Revocation: offline}
	if _, err := policy.Check(t.Context(), self.Cert, []*trust.Certificate{self.Cert}, tt.Now, nil); !errors.Is(err, trust.ErrUntrusted) {
		t.Errorf("self-signed: %v", err)
	}
	// The anchor's own key must not confirm statements either.
	if _, err := policy.Check(t.Context(), root.Cert, nil, tt.Now, nil); !errors.Is(err, trust.ErrKeyUsage) {
		t.Errorf("the root itself: %v", err)
	}
}

// Signers must not be able to make an SM2 key answer for ECDSA or the other way round.
func TestSignatureAlgorithmMustBelongToTheIssuersKey(t *testing.T) {
	root := tt.Root(t, trust.SM2SM3, "root")
	h := root.Leaf(t, trust.ES256)
	var o outer
	_, err := asn1.Unmarshal(h.Cert.Raw, &o)
	must(t, err)
	// The same certificate, only that it calls its signature ECDSA with SHA-256, inside and outside.
	ecdsaAI := []byte{0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02}
	o.Alg = asn1.RawValue{FullBytes: ecdsaAI}
	tbs := replaceOnce(t, o.TBS.FullBytes, h.Cert.X.RawIssuer, ecdsaAI)
	o.TBS = asn1.RawValue{FullBytes: tbs}
	forged, err := trust.ParseCertificate(marshal(t, o))
	must(t, err)
	policy := trust.Policy{Anchors: tt.Pool(t, root.Cert), Revocation: offline}
	if _, err := policy.Check(t.Context(), forged, nil, tt.Now, nil); !errors.Is(err, trust.ErrUntrusted) {
		t.Errorf("got %v", err)
	}
}

// replaceOnce puts ai in place of the algorithm identifier that stands before the issuer.
func replaceOnce(t *testing.T, tbs, issuer, ai []byte) []byte {
	t.Helper()
	var parts []asn1.RawValue
	_, err := asn1.Unmarshal(tbs, &parts)
	must(t, err)
	parts[2] = asn1.RawValue{FullBytes: ai}
	if string(parts[3].FullBytes) != string(issuer) {
		t.Fatal("the TBS is not laid out as thought")
	}
	return marshal(t, parts)
}

func TestCrossCertificates(t *testing.T) {
	oldRoot, newRoot := tt.Root(t, trust.ES256, "old root"), tt.Root(t, trust.ES256, "new root")
	sub := newRoot.Sub(t, trust.ES256, "sub")
	// The new root, certified by the old one; and a loop back.
	cross := oldRoot.Sign(t, &tt.Template{Subject: newRoot.Cert.X.Subject, IsCA: true, BasicConstraintsValid: true, MaxPathLen: -1,
		KeyUsage: smx509.KeyUsageCertSign, NotAfter: tt.Start.AddDate(0, 1, 0), SubjectKeyId: newRoot.Cert.X.SubjectKeyId}, newRoot.Key.Public())
	back := newRoot.Sign(t, &tt.Template{Subject: oldRoot.Cert.X.Subject, IsCA: true, BasicConstraintsValid: true, MaxPathLen: -1,
		KeyUsage: smx509.KeyUsageCertSign, NotAfter: tt.Start.AddDate(9, 0, 0), SubjectKeyId: oldRoot.Cert.X.SubjectKeyId}, oldRoot.Key.Public())
	h := sub.Leaf(t, trust.ES256)

	onlyOld := trust.Policy{Anchors: tt.Pool(t, oldRoot.Cert, cross, sub.Cert), Revocation: offline}
	if _, err := onlyOld.Check(t.Context(), h.Cert, nil, tt.Start.AddDate(0, 0, 1), nil); err != nil {
		t.Errorf("over the cross-certificate: %v", err)
	}
	if _, err := onlyOld.Check(t.Context(), h.Cert, nil, tt.Now, nil); !errors.Is(err, trust.ErrAuthorityExpired) {
		t.Errorf("over the expired cross-certificate: %v", err)
	}
	both := trust.Policy{Anchors: tt.Pool(t, oldRoot.Cert, newRoot.Cert, cross, back, sub.Cert), Revocation: offline}
	got, err := both.Check(t.Context(), h.Cert, nil, tt.Now, nil)
	if err != nil || got.Chain[len(got.Chain)-1] != newRoot.Cert {
		t.Errorf("with a second way to go: %v, %v", got, err)
	}
}

func TestIdentityByRule(t *testing.T) {
	root := tt.Root(t, trust.SM2SM3, "root")
	explicit := []byte{0xa0, 20, 0x13, 18}
	implicit := []byte{0x80, 18}
	number := []byte("11010519491231002x")
	for name, value := range map[string][]byte{
		"explicit tag": append(explicit, number...), "implicit tag": append(implicit, number...),
		"bare string": append([]byte{0x0c, 18}, number...), "raw characters": number,
		"in a sequence": append([]byte{0x30, 20, 0x13, 18}, number...), "in an octet string": append([]byte{4, 20, 0x13, 18}, number...),
	} {
		c := root.Leaf(t, trust.SM2SM3, func(c *tt.Template) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 1, 1}, Value: value}}
		}).Cert
		if got := trust.Identify(c, trust.DefaultIdentifiers()).Person; got != "11010519491231002X" {
			t.Errorf("%s: %q", name, got)
		}
	}

	c := root.Leaf(t, trust.SM2SM3, func(c *tt.Template) {
		c.Subject = pkix.Name{CommonName: "051@张三@Z110105194912310021@1", OrganizationalUnit: []string{"采购部", "USCC:91350100M000100Y43"}, SerialNumber: "abc"}
	}).Cert
	rules := []trust.IdentifierRule{
		{Field: "personName", From: "subject.CN", Separator: "@", Part: 1},
		{Field: "person", From: "subject.CN", Separator: "@", Part: 7}, // not there: the next rule counts
		{Field: "person", From: "subject.2.5.4.5"},
		{Field: "organisation", From: "subject.OU", Prefix: "USCC:"},
		{Field: "organisationName", From: "oid:1.2.3.4.5"},
	}
	must(t, trust.CheckIdentifierRules(rules))
	want := trust.Identity{PersonName: "张三", Person: "ABC", Organisation: "91350100M000100Y43"}
	if got := trust.Identify(c, rules); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestIdentifierRuleMistakesAllNamed(t *testing.T) {
	err := trust.CheckIdentifierRules([]trust.IdentifierRule{
		{Field: "name", From: "subject.CN"}, {Field: "person", From: "CN"}, {Field: "person", From: "oid:1.02.3"}, {Field: "person", From: "subject.CN", Part: 2},
	})
	f := fault.Of(err)
	if f == nil || f.Code != "identifier_rule_invalid" || len(f.Fields) != 4 {
		t.Fatalf("got %v", err)
	}
	for i, p := range []string{"/0/field", "/1/from", "/2/from", "/3/part"} {
		if f.Fields[i].Pointer != p {
			t.Errorf("%d: %s", i, f.Fields[i].Pointer)
		}
	}
}

// answer is a revocation source that says what a test wants, and counts.
type answer struct {
	err   error
	asked []*trust.Certificate
}

func (a *answer) Status(_ context.Context, leaf, _ *trust.Certificate, now time.Time) (trust.Proof, error) {
	a.asked = append(a.asked, leaf)
	return trust.Proof{Kind: trust.ProofOCSP, Certificate: leaf.Fingerprint(), CheckedAt: now}, a.err
}

func TestRevocationPolicies(t *testing.T) {
	root := tt.Root(t, trust.ES256, "root")
	sub := root.Sub(t, trust.ES256, "sub")
	sent := root.Sub(t, trust.ES256, "sent")
	pool := tt.Pool(t, root.Cert, sub.Cert)
	h, viaSent := sub.Leaf(t, trust.ES256), sent.Leaf(t, trust.ES256)
	check := func(p trust.RevocationPolicy, rev trust.Revocation, c *trust.Certificate, more ...*trust.Certificate) (*trust.Checked, error) {
		policy := trust.Policy{Anchors: pool, Revocation: p}
		return policy.Check(t.Context(), c, more, tt.Now, rev)
	}
	for _, strict := range []trust.RevocationPolicy{"", trust.RevocationRequired} {
		if _, err := check(strict, nil, h.Cert); !errors.Is(err, trust.ErrRevocationUnavailable) {
			t.Errorf("%q without a source: %v", strict, err)
		}
		if _, err := check(strict, &answer{err: errors.New("line is dead")}, h.Cert); !errors.Is(err, trust.ErrRevocationUnavailable) {
			t.Errorf("%q with a dead source: %v", strict, err)
		}
	}
	if _, err := check("whatever", &answer{}, h.Cert); !errors.Is(err, trust.ErrRevocationUnavailable) {
		t.Errorf("an unknown policy: %v", err)
	}
	if _, err := check(trust.RevocationSoftFail, &answer{err: trust.ErrRevoked}, h.Cert); !errors.Is(err, trust.ErrRevoked) {
		t.Errorf("soft-fail and revoked: %v", err)
	}
	got, err := check(trust.RevocationSoftFail, &answer{err: trust.ErrRevocationUnavailable}, h.Cert)
	if err != nil || len(got.RevocationProof) != 1 || got.RevocationProof[0].Kind != trust.ProofNone || got.RevocationProof[0].Note != "revocation_unavailable" {
		t.Errorf("soft-fail and unknown: %+v, %v", got, err)
	}
	a := &answer{}
	if _, err := check("", a, h.Cert); err != nil || len(a.asked) != 1 {
		t.Errorf("the provider's own intermediate is not asked about: %v, %d", err, len(a.asked))
	}
	a = &answer{}
	got, err = check("", a, viaSent.Cert, sent.Cert)
	if err != nil || len(a.asked) != 2 || a.asked[1] != sent.Cert || len(got.RevocationProof) != 2 {
		t.Errorf("an intermediate that was sent is asked about: %v, %d", err, len(a.asked))
	}
	a = &answer{}
	policy := trust.Policy{Anchors: pool, CheckAuthorities: true}
	if _, err := policy.Check(t.Context(), h.Cert, nil, tt.Now, a); err != nil || len(a.asked) != 2 {
		t.Errorf("with CheckAuthorities: %v, %d", err, len(a.asked))
	}
}

func TestCheckEncryption(t *testing.T) {
	root := tt.Root(t, trust.SM2SM3, "root")
	twin := root.Leaf(t, trust.SM2SM3, func(c *tt.Template) { c.KeyUsage = smx509.KeyUsageKeyEncipherment })
	policy := trust.Policy{Anchors: tt.Pool(t, root.Cert), Revocation: offline}
	if _, err := policy.CheckEncryption(t.Context(), twin.Cert, nil, tt.Now, nil); err != nil {
		t.Error(err)
	}
	if _, err := policy.CheckEncryption(t.Context(), root.Leaf(t, trust.SM2SM3).Cert, nil, tt.Now, nil); !errors.Is(err, trust.ErrNotForEncryption) {
		t.Error(err)
	}
}

// A flood of useless intermediates must not cost a signature check each.
func TestManyLookAlikeIntermediates(t *testing.T) {
	root := tt.Root(t, trust.ES256, "root")
	h := tt.Root(t, trust.ES256, "sub").Leaf(t, trust.ES256)
	var sent []*trust.Certificate
	for i := range 7 {
		sent = append(sent, root.Sub(t, trust.ES256, "sub", func(c *tt.Template) { c.SerialNumber = big.NewInt(int64(1000 + i)) }).Cert)
	}
	policy := trust.Policy{Anchors: tt.Pool(t, root.Cert), Revocation: offline}
	if _, err := policy.Check(t.Context(), h.Cert, sent, tt.Now, nil); !errors.Is(err, trust.ErrUntrusted) {
		t.Errorf("got %v", err)
	}
}
