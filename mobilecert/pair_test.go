package mobilecert

import (
	"encoding/asn1"
	"encoding/json"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"certlink/trust"
	"certlink/trust/trusttest"
)

// An SM2 certificate comes as a pair. The authority makes the encryption key, and
// only the signing key opens its envelope; without escrow no copy stays.
func TestDualCertificates(t *testing.T) {
	for _, escrowed := range []bool{false, true} {
		w := newWorld(t)
		w.products = []*Product{{ID: "dual", Name: Name{"双证", "Dual"}, Provider: "huixin", Algorithm: trust.SM2SM3, Term: 24 * time.Hour, Issuer: w.issuer, Demo: true,
			Pair: &PairTerms{Maker: ByAuthority, Escrowed: escrowed}}}
		w.server = w.start(w.store)
		phone := newHandset(t)
		c, err := w.ask("enroll", "li", "li", map[string]string{"product": "dual"})
		check(t, err)
		if d := c.Terms.Details; d["encryption_key_maker"] != "authority" || d["encryption_key_escrowed"] != map[bool]string{true: "yes", false: "no"}[escrowed] {
			t.Errorf("details %v", d)
		}
		h, doc := w.collected("li", "dual", phone)
		twin, err := trust.ParseCertificate(doc.Twin.DER)
		check(t, err)
		id, signer := trust.Identify(twin, trust.DefaultIdentifiers()), trust.Identify(h.Cert, trust.DefaultIdentifiers())
		if !twin.CanEncrypt() || twin.CanSign() || h.Cert.CanEncrypt() || id != signer || twin.SerialHex() != doc.Twin.Serial || twin.Subject() != h.Cert.Subject() ||
			!twin.NotAfter().Equal(h.Cert.NotAfter()) {
			t.Errorf("twin %s, %+v", twin.Subject(), id)
		}
		key, err := sm2.ParseEnvelopedPrivateKey(h.Key.(*sm2.PrivateKey), doc.Twin.Envelope)
		check(t, err)
		if sum, err := trust.PublicKeySHA256(key.Public()); err != nil || sum != twin.PublicKeySHA256() {
			t.Errorf("the envelope holds another key: %v", err)
		}
		if der, err := trust.ReadEnvelope(doc.Twin.Envelope, twin.PublicKey()); err != nil || len(der) == 0 {
			t.Errorf("read: %v", err)
		}
		if (doc.Twin.Sealed != "") != escrowed || doc.Twin.Escrowed != escrowed {
			t.Errorf("a copy is kept: %v", doc.Twin.Sealed != "")
		}

		// The binding holds the pair, and both are revoked with one act.
		b := w.bound(h, "li", "li", "huixin")
		if b.Pair == nil || b.Pair.Fingerprint != doc.Twin.Fingerprint || b.Pair.Serial != doc.Twin.Serial {
			t.Fatalf("pair %+v", b.Pair)
		}
		_, err = w.certs.Revoke(ctx, doc.ID, Actor{ID: "op"}, KeyCompromise)
		check(t, err)
		var serials []string
		check(t, w.certs.EachRevoked(ctx, time.Time{}, func(r *Record) { serials = append(serials, r.Serial) }))
		if len(serials) != 2 || serials[0] != doc.Serial || serials[1] != doc.Twin.Serial {
			t.Errorf("revoked %v", serials)
		}
		r, err := w.certs.Recorded(ctx, doc.Twin.Serial)
		if err != nil || r == nil || !r.Revoked || r.Serial != doc.Twin.Serial || r.Issuer != IssuerID(doc.Chain[0]) {
			t.Errorf("recorded %+v, %v", r, err)
		}
	}
}

// A P-256 phone makes both keys. The first one's signature covers the second.
func TestPairOfThePhone(t *testing.T) {
	w := newWorld(t)
	phone := newHandset(t)
	signing, second := trusttest.Key(t, trust.ES256), trusttest.Key(t, trust.ES256)
	csr := trusttest.CSRWith(t, signing, second.Public())
	c, err := w.ask("enroll", "li", "li", map[string]string{"product": "demo-p256"})
	check(t, err)
	if d := c.Terms.Details; d["encryption_key_maker"] != "holder" || d["encryption_key_escrowed"] != "no" {
		t.Errorf("details %v", d)
	}
	w.statement(c, csr)
	r, err := w.confirms(c, phone.id, phone.sign(t, c), w.clock.Now())
	check(t, err)
	doc, err := w.certs.Get(ctx, r.ID)
	check(t, err)
	twin, err := trust.ParseCertificate(doc.Twin.DER)
	check(t, err)
	sum, err := trust.PublicKeySHA256(second.Public())
	check(t, err)
	if twin.PublicKeySHA256() != sum || twin.CanSign() || !twin.CanEncrypt() || doc.Twin.Envelope != nil || doc.Twin.Sealed != "" || doc.Twin.Maker != ByHolder {
		t.Errorf("twin %+v", doc.Twin)
	}
	var view CertificateResult
	check(t, json.Unmarshal(r.View, &view))
	if view.Encryption == nil || string(view.Encryption.Certificate) != string(twin.Raw) {
		t.Error("the phone is not given its encryption certificate")
	}
	// Neither key is certified again, in either place.
	for _, again := range [][]byte{trusttest.CSRWith(t, trusttest.Key(t, trust.ES256), second.Public()), trusttest.CSR(t, second)} {
		c, err := w.ask("enroll", "li", "li", map[string]string{"product": "demo-p256"})
		check(t, err)
		refused(t, w.engine.Issue(ctx, c, again, w.clock.Now(), w.clock.Now().Add(time.Minute)), ErrKeyReused)
	}
	// A changed second key breaks the proof of possession.
	var outer struct {
		Info, Algorithm asn1.RawValue
		Signature       asn1.BitString
	}
	_, err = asn1.Unmarshal(csr, &outer)
	check(t, err)
	for i := len(outer.Info.FullBytes) - 20; i < len(outer.Info.FullBytes); i++ {
		outer.Info.FullBytes[i] ^= 1
	}
	bad, err := asn1.Marshal(outer)
	check(t, err)
	if _, err := trust.ParseCSR(bad); err == nil {
		t.Error("a changed second key passes")
	}
}
