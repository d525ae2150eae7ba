package trust

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"testing"
)

func TestSignatureToDERAndBack(t *testing.T) {
	ff := bytes.Repeat([]byte{0xff}, 32)
	small := func(last ...byte) []byte { return append(make([]byte, 32-len(last)), last...) }
	for _, r := range [][]byte{ff, small(1), small(0x80), small(0x7f, 0), small(0x80, 0), append([]byte{0x7f}, ff[1:]...)} {
		for _, s := range [][]byte{ff, small(0x80)} {
			rs := append(bytes.Clone(r), s...)
			want, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
			if err != nil {
				t.Fatal(err)
			}
			if got := rsToDER(rs); !bytes.Equal(got, want) {
				t.Errorf("%x: got %x, want %x", rs, got, want)
			}
			if back, ok := derToRS(want); !ok || !bytes.Equal(back, rs) {
				t.Errorf("%x: back %x", rs, back)
			}
		}
	}
	for _, bad := range [][]byte{nil, ff, append(small(0), ff...), append(bytes.Clone(ff), small(0)...), make([]byte, 65)} {
		if rsToDER(bad) != nil {
			t.Errorf("%x is taken for a signature", bad)
		}
	}
}
