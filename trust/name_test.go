package trust

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

func TestNameString(t *testing.T) {
	bmp := []byte{0x5f, 0x20, 0x4e, 0x09, 0, 0}
	for want, name := range map[string]pkix.RDNSequence{
		"": {},
		"CN=张三,OU=财务部+OU=采购部,1.2.3=x,C=CN": {
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "CN"}},
			{{Type: asn1.ObjectIdentifier{1, 2, 3}, Value: "x"}},
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "财务部"}, {Type: asn1.ObjectIdentifier{2, 5, 4, 11}, Value: "采购部"}},
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: asn1.RawValue{Tag: asn1.TagBMPString, Bytes: bmp}}},
		},
	} {
		raw, err := asn1.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		var read pkix.RDNSequence
		if _, err := asn1.Unmarshal(raw, &read); err != nil {
			t.Fatal(err)
		}
		var flat pkix.Name
		flat.FillFromRDNSequence(&read)
		if got := nameString(raw, flat.Names); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestSpelt(t *testing.T) {
	oid := asn1.ObjectIdentifier{2, 5, 4, 10}
	for text, want := range map[string]bool{"2.5.4.10": true, "2.5.4.1": false, "2.5.4": false, "2.5.4.10.1": false, "2.5.4.": false, "": false} {
		if spelt(oid, text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
	if spelt(nil, "") {
		t.Error("nothing is spelt so")
	}
}
