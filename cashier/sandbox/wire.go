// Package sandbox is a payment service that takes no money, for demo mode: an HTTP
// service of its own on loopback, with keys of its own, and the provider that asks it
// in the same way as real ones are asked: signed questions, signed answers, signed
// notices. Instead of an app there is a page on which whoever tries certlink decides
// what the payer does.
package sandbox

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strconv"
	"time"
)

// The headers of a signature: over the time, what it is about, and the body.
const (
	headerTime      = "Sandbox-Time"
	headerSignature = "Sandbox-Signature"
)

// sign covers the subject (a method and path, "answer" and the question's path, or
// "notice") so that nothing signed can stand for another thing.
func sign(key ed25519.PrivateKey, at time.Time, subject string, body []byte) (unix, signature string) {
	unix = strconv.FormatInt(at.Unix(), 10)
	return unix, base64.StdEncoding.EncodeToString(ed25519.Sign(key, message(unix, subject, body)))
}

func message(unix, subject string, body []byte) []byte {
	return append([]byte(unix+"\n"+subject+"\n"), body...)
}

// window is how old a signature may be.
const window = 5 * time.Minute

func verify(key ed25519.PublicKey, now time.Time, unix, signature, subject string, body []byte) error {
	at, err := strconv.ParseInt(unix, 10, 64)
	if err != nil {
		return errors.New("sandbox: no time of signature")
	}
	if d := now.Sub(time.Unix(at, 0)); d > window || d < -window {
		return errors.New("sandbox: the signature is of another time")
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !ed25519.Verify(key, message(unix, subject, body), raw) {
		return errors.New("sandbox: the signature is not good")
	}
	return nil
}
