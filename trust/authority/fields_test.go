package authority_test

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"certlink/trust"
	"certlink/trust/authority"
	tt "certlink/trust/trusttest"
)

// Every field of an issued certificate against the clause it comes from, as
// docs/certificates.md lists them: RFC by section; GM/T 0015 by clause (5.2.3 the basic
// fields, 5.2.4 the extensions, the same in 2012 and 2023), by the field's name within
// it, and by the tables of whole certificates (C.3 signing, C.4 encryption, of 2012).
func TestFieldsOfProfiles(t *testing.T) {
	a := load(t)
	form := authority.Form{Policies: []string{"1.2.156.99999.1.1", "1.2.156.99999.1.2"}, CPS: "https://ca.example.cn/cps", Registration: true}
	for _, alg := range []trust.Algorithm{trust.ES256, trust.SM2SM3} {
		for _, profile := range []authority.Profile{authority.Sign, authority.Encrypt} {
			r := request(t, alg)
			r.Profile, r.Form = profile, form
			c, err := a.Issue(t.Context(), r)
			must(t, err)
			line := authority.LineFor(alg)
			issuer := a.Issuer(line)
			is := func(clause, field string, holds bool, got any) {
				t.Helper()
				if !holds {
					table := map[authority.Profile]string{authority.Sign: "C.3", authority.Encrypt: "C.4"}[profile]
					t.Errorf("%s %s: %s (%s; GM/T 0015 table %s): %v", alg, profile, field, clause, table, got)
				}
			}
			x, ext := c.X, extensionsOf(t, c)

			// tbsCertificate
			is("RFC 5280 §4.1.2.1; GM/T 0015 5.2.3 版本", "version", x.Version == 3, x.Version)
			is("RFC 5280 §4.1.2.2; GM/T 0015 5.2.3 序列号", "serialNumber", x.SerialNumber.Sign() > 0 && x.SerialNumber.BitLen() > 64 && len(x.SerialNumber.Bytes()) <= 20, x.SerialNumber)
			wantAlg := map[trust.Algorithm]smx509.SignatureAlgorithm{trust.ES256: smx509.ECDSAWithSHA256, trust.SM2SM3: smx509.SM2WithSM3}[alg]
			is("RFC 5280 §4.1.2.3; GM/T 0015 5.2.3 签名算法", "signature", x.SignatureAlgorithm == wantAlg, x.SignatureAlgorithm)
			is("RFC 5280 §4.1.2.4; GM/T 0015 5.2.3 颁发者", "issuer", bytes.Equal(x.RawIssuer, issuer.X.RawSubject) && len(x.Issuer.Country) == 1, x.Issuer)
			is("RFC 5280 §4.1.2.5; GM/T 0015 5.2.3 有效期", "validity", x.NotBefore.Equal(r.NotBefore) && x.NotAfter.Equal(r.NotAfter) && x.NotAfter.Nanosecond() == 0, x.NotAfter)
			is("RFC 5280 §4.1.2.6; GM/T 0015 5.2.3 主体", "subject", x.Subject.CommonName == "张三" && slices.Equal(x.Subject.Country, []string{"CN"}) &&
				slices.Equal(x.Subject.Organization, []string{"杭州示例科技有限公司"}), x.Subject)
			is("RFC 5280 §4.1.2.4, §4.1.2.6; GM/T 0015 5.2.3 主体", "subject in UTF-8", bytes.Contains(x.RawSubject, append([]byte{0x0c, byte(len("张三"))}, "张三"...)), x.RawSubject)
			key, ok := x.PublicKey.(*ecdsa.PublicKey)
			is("RFC 5480 §2.1.1; GM/T 0015 5.2.3 主体公钥信息", "subjectPublicKeyInfo", ok && sm2.IsSM2PublicKey(key) == (alg == trust.SM2SM3) && !strings.Contains(fmt.Sprintf("%x", x.RawSubjectPublicKeyInfo), "2a8648ce3d0101"), x.PublicKey)

			// Extensions
			is("RFC 5280 §4.2.1.1; GM/T 0015 5.2.4 authorityKeyIdentifier", "authorityKeyIdentifier", bytes.Equal(x.AuthorityKeyId, issuer.X.SubjectKeyId) && !ext["2.5.29.35"].Critical, x.AuthorityKeyId)
			is("RFC 5280 §4.2.1.2; GM/T 0015 5.2.4 subjectKeyIdentifier", "subjectKeyIdentifier", len(x.SubjectKeyId) == 20 && !ext["2.5.29.14"].Critical, x.SubjectKeyId)
			wantUse := smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
			if profile == authority.Encrypt {
				wantUse = smx509.KeyUsageKeyAgreement
				if alg == trust.SM2SM3 {
					wantUse |= smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment
				}
			}
			is("RFC 5280 §4.2.1.3, RFC 8813; GM/T 0015 5.2.4 keyUsage", "keyUsage", x.KeyUsage == wantUse && ext["2.5.29.15"].Critical, x.KeyUsage)
			var policies []string
			for _, p := range x.PolicyIdentifiers {
				policies = append(policies, p.String())
			}
			is("RFC 5280 §4.2.1.4; GM/T 0015 5.2.4 certificatePolicies", "certificatePolicies", slices.Equal(policies, form.Policies) && bytes.Contains(ext["2.5.29.32"].Value, []byte(form.CPS)), policies)
			is("RFC 5280 §4.2.1.9; GM/T 0015 5.2.4 basicConstraints", "basicConstraints", !x.IsCA && x.BasicConstraintsValid && ext["2.5.29.19"].Critical, x.IsCA)
			usage := fmt.Sprint(x.UnknownExtKeyUsage, x.ExtKeyUsage)
			is("RFC 5280 §4.2.1.12, RFC 9336; GM/T 0015 5.2.4 extKeyUsage", "extKeyUsage", usage == map[authority.Profile]string{
				authority.Sign: "[1.3.6.1.5.5.7.3.36] []", authority.Encrypt: "[] []"}[profile], usage)
			is("RFC 5280 §4.2.1.13; GM/T 0015 5.2.4 CRLDistributionPoints", "cRLDistributionPoints", slices.Equal(x.CRLDistributionPoints, []string{base + authority.CRLPath(line)}), x.CRLDistributionPoints)
			is("RFC 5280 §4.2.2.1; GM/T 0015 5.2.4 authorityInfoAccess", "authorityInfoAccess", slices.Equal(x.OCSPServer, []string{base + authority.OCSPPath}) &&
				slices.Equal(x.IssuingCertificateURL, []string{base + authority.IssuerPath(line)}), x.OCSPServer)

			// The identity extensions of GM/T 0015, none critical.
			person, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, IsCompound: true, Bytes: printable(t, r.Person)})
			must(t, err)
			is("GM/T 0015 5.2.4 identifyCode", "1.2.156.10260.4.1.1", bytes.Equal(ext["1.2.156.10260.4.1.1"].Value, person) && !ext["1.2.156.10260.4.1.1"].Critical, ext["1.2.156.10260.4.1.1"])
			for oid, name := range map[string]string{"1.2.156.10260.4.1.3": "ICRegistrationNumber", "1.2.156.10260.4.1.4": "organizationCode"} {
				is("GM/T 0015 5.2.4 "+name, oid, bytes.Equal(ext[oid].Value, printable(t, r.Organisation)) && !ext[oid].Critical, ext[oid])
			}
			// And nothing besides.
			known := []string{"2.5.29.35", "2.5.29.14", "2.5.29.15", "2.5.29.32", "2.5.29.19", "2.5.29.37", "2.5.29.31", "1.3.6.1.5.5.7.1.1", "2.5.29.17",
				"1.2.156.10260.4.1.1", "1.2.156.10260.4.1.3", "1.2.156.10260.4.1.4"}
			for oid := range ext {
				is("no clause", "extension "+oid, slices.Contains(known, oid), "is in no list")
			}
		}
	}
}

func extensionsOf(t *testing.T, c *trust.Certificate) map[string]struct {
	Critical bool
	Value    []byte
} {
	t.Helper()
	out := map[string]struct {
		Critical bool
		Value    []byte
	}{}
	for _, e := range c.X.Extensions {
		if _, twice := out[e.Id.String()]; twice {
			t.Errorf("%v stands twice (RFC 5280 §4.2)", e.Id)
		}
		out[e.Id.String()] = struct {
			Critical bool
			Value    []byte
		}{e.Critical, e.Value}
	}
	return out
}

func printable(t *testing.T, s string) []byte {
	t.Helper()
	der, err := asn1.MarshalWithParams(s, "printable")
	must(t, err)
	return der
}

// A product's form is data: what is wrong with it is found at the start.
func TestForms(t *testing.T) {
	for _, good := range []authority.Form{{}, {Policies: []string{"2.23.140.1.2.3"}}, {Usages: []string{"1.3.6.1.5.5.7.3.4"}}} {
		must(t, good.Check())
	}
	for _, bad := range []authority.Form{
		{Policies: []string{"x"}}, {Policies: []string{"1.2"}}, {Policies: []string{"3.1.1"}}, {Policies: []string{"1.40.1"}}, {Policies: []string{"1.2.03"}},
		{Policies: []string{"1.2.99999999999"}}, {Usages: []string{"1.2.-3"}}, {CPS: "https://ca.example.cn/cps"}, {Policies: []string{"1.2.3"}, CPS: "ca"},
		{Policies: []string{"1.2.3"}, CPS: "ftp://ca.example.cn"},
	} {
		if bad.Check() == nil {
			t.Errorf("%+v passes", bad)
		}
	}
	// Both kinds of certificates of a form with all in it pass OpenSSL; another usage
	// than document signing stands where the form says so.
	a := load(t)
	r := request(t, trust.ES256)
	r.Form = authority.Form{Policies: []string{"1.2.156.99999.1.1"}, CPS: "https://ca.example.cn/cps", Usages: []string{"1.3.6.1.5.5.7.3.4"}}
	c, err := a.Issue(t.Context(), r)
	must(t, err)
	text := tt.OpenSSL(t, "x509", "-in", tt.File(t, "leaf.pem", tt.PEM(c)), "-noout", "-text")
	for _, want := range []string{"Policy: 1.2.156.99999.1.1", "CPS: https://ca.example.cn/cps", "E-mail Protection"} {
		if !strings.Contains(text, want) {
			t.Errorf("OpenSSL does not read %q in\n%s", want, text)
		}
	}
	// An encryption key without a request.
	r.CSR, r.Key, r.Profile, r.Serial = nil, tt.Key(t, trust.SM2SM3).Public(), authority.Encrypt, authority.NewSerial()
	c, err = a.Issue(t.Context(), r)
	must(t, err)
	if line, ok := a.Issued(c); !ok || line != authority.SM2 {
		t.Errorf("issued by %s", line)
	}
}

func FuzzForm(f *testing.F) {
	f.Add("1.2.156.99999.1.1", "https://ca.example.cn/cps", "1.3.6.1.5.5.7.3.4")
	f.Add("2.999.1", "", "")
	f.Add("1..2", "x", "0.39.1")
	f.Fuzz(func(t *testing.T, policy, cps, usage string) {
		form := authority.Form{Policies: []string{policy}, CPS: cps, Usages: []string{usage}}
		if form.Check() != nil {
			return
		}
		r := request(t, trust.ES256)
		r.Form = form
		c, err := load(t).Issue(t.Context(), r)
		if err != nil {
			t.Fatalf("%+v passes the check and cannot be issued: %v", form, err)
		}
		if len(c.X.PolicyIdentifiers) != 1 || c.X.PolicyIdentifiers[0].String() != policy {
			t.Fatalf("%s became %v", policy, c.X.PolicyIdentifiers)
		}
	})
}
