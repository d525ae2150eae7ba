package trust_test

import (
	"encoding/pem"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/smx509"

	"certlink/internal/fault"
	"certlink/trust"
	tt "certlink/trust/trusttest"
)

func TestPoolMistakesAllNamed(t *testing.T) {
	root := tt.Root(t, trust.ES256, "root")
	sub := root.Sub(t, trust.SM2SM3, "sub")
	stray := tt.Root(t, trust.ES256, "stray root").Sub(t, trust.ES256, "stray")
	sha1 := tt.Root(t, trust.RS256, "rsa root").Sub(t, trust.RS256, "sha1", func(c *tt.Template) { c.SignatureAlgorithm = smx509.SHA1WithRSA })
	file := tt.PEM(root.Cert, sub.Cert, root.Leaf(t, trust.ES256).Cert, stray.Cert, root.Cert, sha1.Cert)
	file = append(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")})...)
	file = append(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("junk")})...)
	_, err := trust.NewPool(append(file, "and some text"...))
	f := fault.Of(err)
	if f == nil || f.Code != "trust_anchors_invalid" {
		t.Fatalf("got %v", err)
	}
	got := map[string]string{}
	for _, field := range f.Fields {
		if field.ZH == "" {
			t.Errorf("%s has no Chinese text", field.Pointer)
		}
		got[field.Pointer] = field.EN
	}
	for at, words := range map[string]string{"/2": "not an authority", "/3": "leads to none", "/4": "there twice", "/5": "weak",
		"/6": "no certificate", "/7": "cannot be read", "": "no PEM"} {
		if !strings.Contains(got[at], words) {
			t.Errorf("at %q: %q, want something with %q", at, got[at], words)
		}
	}
	if len(f.Fields) != 7 {
		t.Errorf("%d mistakes: %v", len(f.Fields), got)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Error("the refusal repeats what was in the file")
	}
}

func TestPoolNeedsARoot(t *testing.T) {
	sub := tt.Root(t, trust.ES256, "root").Sub(t, trust.ES256, "sub")
	for name, file := range map[string][]byte{"nothing": nil, "text": []byte("hello"), "intermediate only": tt.PEM(sub.Cert)} {
		if _, err := trust.NewPool(file); fault.Of(err) == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPoolTakesOldRoots(t *testing.T) {
	// Signed by itself with SHA-1: what the operator trusts is the key, not that signature.
	root := tt.Root(t, trust.RS256, "old", func(c *tt.Template) { c.SignatureAlgorithm = smx509.SHA1WithRSA })
	h := root.Leaf(t, trust.RS256)
	policy := trust.Policy{Anchors: tt.Pool(t, root.Cert), Revocation: offline}
	if _, err := policy.Check(t.Context(), h.Cert, nil, tt.Now, nil); err != nil {
		t.Error(err)
	}
	if out := policy.Anchors.OutsideTerm(tt.Start.AddDate(50, 0, 0)); len(out) != 1 || out[0] != root.Cert {
		t.Errorf("outside its term: %v", out)
	}
	if out := policy.Anchors.OutsideTerm(tt.Now); len(out) != 0 {
		t.Errorf("outside its term: %v", out)
	}
}
