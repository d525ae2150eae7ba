package api

import (
	"archive/zip"
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"certlink/confirm"
	"certlink/store"
	"certlink/trust"
)

// evidenceView is a signature with all that proves it. Byte strings are in base64.
type evidenceView struct {
	ID           string      `json:"id"`
	Purpose      string      `json:"purpose"`
	AcceptedAt   string      `json:"accepted_at"`
	Statement    []byte      `json:"statement"`
	Digest       string      `json:"digest"`
	JWS          string      `json:"jws"`
	SigningInput string      `json:"signing_input"`
	SignatureDER []byte      `json:"signature_der"`
	Signer       string      `json:"signer"`
	Device       string      `json:"device,omitempty"`
	Chain        [][]byte    `json:"chain"`
	Proofs       []proofView `json:"proofs"`
	OpenSSL      string      `json:"openssl"`
}

type proofView struct {
	Kind        trust.ProofKind `json:"kind"`
	Certificate string          `json:"certificate"`
	Source      string          `json:"source,omitempty"`
	ThisUpdate  string          `json:"this_update,omitempty"`
	NextUpdate  string          `json:"next_update,omitempty"`
	CheckedAt   string          `json:"checked_at"`
	Note        string          `json:"note,omitempty"`
	DER         []byte          `json:"der,omitempty"`
}

// getEvidence hands out the evidence of a binding to those who may read it: as
// JSON, or as a folder of files that OpenSSL checks.
func (s *Server) getEvidence(c *call) error {
	format, err := c.choice("format", "json", "zip")
	if err != nil {
		return err
	}
	b, err := s.readBinding(c)
	if err != nil {
		return err
	}
	e, err := s.Engine.Evidence(c.ctx, b.ID)
	if errors.Is(err, store.ErrNotFound) {
		return ErrEvidence
	}
	if err != nil {
		return err
	}
	how, err := howToCheck(e)
	if err != nil {
		return err
	}
	if format == "zip" {
		body, err := packEvidence(e, how)
		if err != nil {
			return err
		}
		c.f.Response().Header.SetContentType("application/zip")
		c.f.Set(fiber.HeaderContentDisposition, `attachment; filename="evidence-`+e.ID+`.zip"`)
		c.f.Response().SetBodyRaw(body)
		return nil
	}
	v := evidenceView{
		ID: e.ID, Purpose: e.Purpose, AcceptedAt: stamp(e.AcceptedAt), Statement: e.Statement, Digest: e.Digest, JWS: e.JWS,
		SigningInput: e.SigningInput, SignatureDER: e.SignatureDER, Signer: e.Signer, Device: e.Device,
		Chain: append([][]byte{}, e.Chain...), Proofs: []proofView{}, OpenSSL: how,
	}
	for _, p := range e.Proofs {
		v.Proofs = append(v.Proofs, proofView{p.Kind, p.Certificate, p.Source, stampIf(p.ThisUpdate), stampIf(p.NextUpdate), stamp(p.CheckedAt), p.Note, p.DER})
	}
	return c.ok(v)
}

func stampIf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return stamp(t)
}

// howToCheck is a shell script for the files of packEvidence. It needs OpenSSL 3
// and nothing of ours.
func howToCheck(e *confirm.Evidence) (string, error) {
	if len(e.Chain) == 0 {
		return "", errors.New("api: evidence without a chain")
	}
	leaf, err := trust.ParseCertificate(e.Chain[0])
	if err != nil {
		return "", err
	}
	alg, err := leaf.Algorithm()
	if err != nil {
		return "", err
	}
	signature, chain := "openssl dgst -sha256 -verify signer-key.pem -signature signature.der signing-input.txt", ""
	if alg == trust.SM2SM3 {
		// "openssl dgst" cannot set the identifier that SM2 signs with the message.
		signature = "openssl pkeyutl -verify -pubin -inkey signer-key.pem -rawin -in signing-input.txt -sigfile signature.der" +
			" -digest sm3 -pkeyopt distid:1234567812345678"
		chain = " -vfyopt distid:1234567812345678"
	}
	untrusted := ""
	if len(e.Chain) > 2 {
		untrusted = " -untrusted intermediates.pem"
	}
	return strings.Join([]string{
		"#!/bin/sh",
		"# Checks this evidence with OpenSSL 3 alone. 仅用 OpenSSL 3 即可验证本证据。",
		"set -e",
		"# 1. The statement is what was signed: the second part of the signing input.",
		"#    签名内容就是 statement.json：signing-input.txt 的第二段。",
		`p=$(cut -d. -f2 signing-input.txt | tr '_-' '/+'); while [ $(( ${#p} % 4 )) -ne 0 ]; do p="$p="; done`,
		"printf %s \"$p\" | openssl base64 -d -A | cmp - statement.json",
		"# 2. The signature is the certificate's. 签名出自该证书的密钥。",
		"openssl x509 -in signer.pem -pubkey -noout > signer-key.pem",
		signature,
		"# 3. The certificate is the authority's, as of the time of acceptance (" + stamp(e.AcceptedAt) + ").",
		"#    anchor.pem must be compared with the authority's own publication.",
		"#    证书由该 CA 颁发，按受理时间验证；anchor.pem 须与 CA 公布的根证书核对。",
		fmt.Sprintf("openssl verify -attime %d%s -CAfile anchor.pem%s signer.pem", e.AcceptedAt.Unix(), chain, untrusted),
		"",
	}, "\n"), nil
}

func packEvidence(e *confirm.Evidence, how string) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	var failed error
	add := func(name string, content []byte) {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: e.AcceptedAt.UTC()}
		h.SetMode(0o644)
		if strings.HasSuffix(name, ".sh") {
			h.SetMode(0o755)
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = w.Write(content)
		}
		failed = errors.Join(failed, err)
	}
	add("verify.sh", []byte(how))
	add("statement.json", e.Statement)
	add("signature.jws", []byte(e.JWS))
	add("signing-input.txt", []byte(e.SigningInput))
	add("signature.der", e.SignatureDER)
	last := len(e.Chain) - 1
	add("signer.pem", certificates(e.Chain[:1]))
	if last > 1 {
		add("intermediates.pem", certificates(e.Chain[1:last]))
	}
	add("anchor.pem", certificates(e.Chain[last:]))
	for i, p := range e.Proofs {
		if len(p.DER) > 0 {
			add(fmt.Sprintf("revocation-%d.%s", i+1, p.Kind), p.DER)
		}
	}
	failed = errors.Join(failed, z.Close())
	return b.Bytes(), failed
}

func certificates(chain [][]byte) []byte {
	var out []byte
	for _, der := range chain {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return out
}
