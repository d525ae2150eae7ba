// Package site asks an authority's own site about extensions of tokens over HTTP: it
// begins one, asks how it stands, and reads the site's signed call-backs. The contract
// stands in docs/renewal.md; an authority whose site speaks otherwise is reached by a
// small server in between, or by another renewal.Site.
package site

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Header holds the signature of a message, in either direction: "t=UNIX,v1=HEX".
const Header = "Certlink-Signature"

// The subjects that are signed, and the paths of the questions.
const (
	SubjectBegin  = "/extensions"
	SubjectStatus = "/extensions/status"
	SubjectNotice = "notice"
)

// Window is how far the time of a signature may be from now.
const Window = 5 * time.Minute

// MaxBody bounds every message.
const MaxBody = 64 << 10

// MinSecret is how long a shared secret must be.
const MinSecret = 16

// Sign makes the header's value. The subject is covered, so that nothing signed
// stands for another thing.
func Sign(secret []byte, at time.Time, subject string, body []byte) string {
	unix := strconv.FormatInt(at.Unix(), 10)
	return "t=" + unix + ",v1=" + hex.EncodeToString(mac(secret, unix, subject, body))
}

func mac(secret []byte, unix, subject string, body []byte) []byte {
	m := hmac.New(sha256.New, secret)
	fmt.Fprintf(m, "%s\n%s\n", unix, subject)
	m.Write(body)
	return m.Sum(nil)
}

// Verify checks the header of a message.
func Verify(secret []byte, now time.Time, header, subject string, body []byte) error {
	unix, sum, found := strings.Cut(header, ",v1=")
	unix, timed := strings.CutPrefix(unix, "t=")
	at, err := strconv.ParseInt(unix, 10, 64)
	if !found || !timed || err != nil {
		return errors.New("site: no signature of the form t=UNIX,v1=HEX")
	}
	given, err := hex.DecodeString(sum)
	if err != nil || !hmac.Equal(given, mac(secret, unix, subject, body)) {
		return errors.New("site: the signature is not good")
	}
	if d := now.Sub(time.Unix(at, 0)); d > Window || d < -Window {
		return errors.New("site: the signature is of another time")
	}
	return nil
}

// Question is what the site is asked: all of it to begin, the reference alone for
// the status.
type Question struct {
	Renewal     string `json:"renewal,omitempty"`
	Certificate []byte `json:"certificate,omitempty"`
	Until       string `json:"until,omitempty"`
	Back        string `json:"back,omitempty"`
	Ref         string `json:"ref,omitempty"`
}

// Begun is the answer to SubjectBegin.
type Begun struct {
	Ref string `json:"ref"`
	URL string `json:"url"`
}

// Stands is the answer to SubjectStatus.
type Stands struct {
	Step        string `json:"step"`
	Note        string `json:"note,omitempty"`
	Certificate []byte `json:"certificate,omitempty"`
}

// Notice is the body of a call-back.
type Notice struct {
	Renewal string `json:"renewal"`
}
