package ocsp

import (
	"crypto"
	"crypto/sha1"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"certlink/trust"
	"certlink/trust/internal/signed"
)

// Build signs an answer as responder, whose certificate goes along unless it is the
// issuer's own.
func Build(key crypto.Signer, responder *trust.Certificate, include bool, singles []Single, nonce []byte, producedAt time.Time) ([]byte, error) {
	var tbs cryptobyte.Builder
	tbs.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(tag2, func(b *cryptobyte.Builder) {
			sum := sha1.Sum(keyBits(responder))
			b.AddASN1OctetString(sum[:])
		})
		b.AddASN1GeneralizedTime(producedAt.UTC())
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, s := range singles {
				s.add(b)
			}
		})
		if len(nonce) > 0 {
			b.AddASN1(tag1, func(b *cryptobyte.Builder) { addNonce(b, nonce) })
		}
	})
	data, err := tbs.Bytes()
	if err != nil {
		return nil, fmt.Errorf("writing the answer: %w", err)
	}
	object, err := signed.Sign(key, data)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(0)
		b.AddASN1(tag0, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(oidBasic) })
				b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
						object.Add(b)
						if include {
							b.AddASN1(tag0, func(b *cryptobyte.Builder) {
								b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(responder.Raw) })
							})
						}
					})
				})
			})
		})
	})
	return b.Bytes()
}

func (s Single) add(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		s.ID.add(b)
		switch s.Status {
		case Good:
			b.AddASN1(asn1.Tag(0).ContextSpecific(), func(*cryptobyte.Builder) {})
		case Revoked:
			b.AddASN1(tag1, func(b *cryptobyte.Builder) {
				b.AddASN1GeneralizedTime(s.RevokedAt.UTC())
				if s.Reason != 0 { // unspecified is better left out (RFC 5280 §5.3.1)
					b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(s.Reason)) })
				}
			})
		default:
			b.AddASN1(asn1.Tag(2).ContextSpecific(), func(*cryptobyte.Builder) {})
		}
		b.AddASN1GeneralizedTime(s.ThisUpdate.UTC())
		if !s.NextUpdate.IsZero() {
			b.AddASN1(tag0, func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(s.NextUpdate.UTC()) })
		}
	})
}
