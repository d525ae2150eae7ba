package confirm

import (
	"encoding/json"
	"testing"

	"github.com/gowebpki/jcs"
)

// FuzzCanonical: the statement is what an independent implementation of RFC 8785 makes
// of it.
func FuzzCanonical(f *testing.F) {
	f.Add("provider", "示例认证中心 <&> \u2028", "张\"三\\", "")
	f.Add("z", "\x00\x08\t\n\x0b\x0c\r\x1f\x7f", "\xff\xc3", "杭州")
	f.Add("\ufffd", "a", "\U0001F600", "b")
	f.Fuzz(func(t *testing.T, name, value, person, place string) {
		party := Party{ID: value, Name: person, OrganisationID: name, Organisation: place}
		for _, s := range []*Statement{
			{Version: Version, ID: name, Purpose: value, Audience: person, Nonce: place, IssuedAt: name, ExpiresAt: value,
				Actor: party, Details: map[string]string{name: value, value: person, "a": place, "\U0001F600": name, "\ufb33": value},
				Requester: Requester{IP: name, Place: place, Browser: person, StartedAt: value}},
			{Subject: &party, Details: map[string]string{}},
			{},
		} {
			plain, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			want, err := jcs.Transform(plain)
			if err != nil {
				continue // of two names that are the same text once repaired
			}
			if got := s.Canonical(); string(got) != string(want) {
				t.Fatalf("got  %q\nwant %q", got, want)
			}
		}
	})
}
