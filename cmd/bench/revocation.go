package main

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"certlink/trust/ocsp"
)

// The sources of -revocation. With none, the benchmark's provider asks nobody.
const (
	noSource   = "none"
	listSource = "crl"  // one list for all certificates, fetched once and cached
	askSource  = "ocsp" // an answer for each certificate, so one question in each flow
)

var sources = []string{noSource, listSource, askSource}

// listed is how many revoked certificates stand in the list.
const listed = 1000

// rootList signs the root's empty list: the server asks about the issuing certificate, too.
func (a *authority) rootList(root *smx509.Certificate, key crypto.Signer) ([]byte, error) {
	return smx509.CreateRevocationList(rand.Reader, &smx509.RevocationList{Number: big.NewInt(1),
		ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().AddDate(1, 0, 0)}, root, key)
}

// list signs the list of the issuing authority.
func (a *authority) list() ([]byte, error) {
	t := &smx509.RevocationList{Number: big.NewInt(time.Now().Unix()), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().AddDate(0, 0, 1)}
	for i := range int64(listed) {
		t.RevokedCertificateEntries = append(t.RevokedCertificateEntries,
			smx509.RevocationListEntry{SerialNumber: big.NewInt(1_000_000 + i), RevocationTime: t.ThisUpdate})
	}
	return smx509.CreateRevocationList(rand.Reader, t, a.issuing.X, a.key)
}

// answer says good of every certificate it is asked about.
func (a *authority) answer(request []byte) []byte {
	req, err := ocsp.ParseRequest(request)
	if err != nil {
		return ocsp.BuildError(ocsp.StatusMalformedRequest)
	}
	now := time.Now().UTC().Truncate(time.Second)
	var singles []ocsp.Single
	for _, id := range req.IDs {
		if !id.From(a.issuing) {
			return ocsp.BuildError(ocsp.StatusUnauthorized)
		}
		singles = append(singles, ocsp.Single{ID: id, Status: ocsp.Good, ThisUpdate: now, NextUpdate: now.Add(time.Hour)})
	}
	out, err := ocsp.Build(a.key, a.issuing, false, singles, req.Nonce, now)
	if err != nil {
		return ocsp.BuildError(ocsp.StatusInternalError)
	}
	return out
}

// address is where a world answers about an authority's certificates.
func (a *authority) address(tail string) string { return a.base + "/" + string(a.alg) + "/" + tail }

// revocation adds the sources to what the world serves.
func (w *world) revocation(mux *http.ServeMux) error {
	a := w.authority
	_, _, keyFile := a.files(w.dir)
	root, err := os.ReadFile(strings.TrimSuffix(keyFile, "key.pem") + "root.crl")
	if err != nil {
		return err
	}
	list, err := a.list()
	if err != nil {
		return err
	}
	for tail, der := range map[string][]byte{"root.crl": root, "issuing.crl": list} {
		mux.HandleFunc("/"+string(a.alg)+"/"+tail, func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/pkix-crl")
			http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(der))
		})
	}
	mux.HandleFunc("/"+string(a.alg)+"/ocsp", func(rw http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
		if err != nil {
			return
		}
		rw.Header().Set("Content-Type", "application/ocsp-response")
		_, _ = rw.Write(a.answer(b))
	})
	return nil
}

// demand writes into the catalogue whether the provider demands a check.
func demand(dir, source string) error {
	path := filepath.Join(dir, "catalogue.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var catalogue struct {
		Version   int              `json:"version"`
		Providers []map[string]any `json:"providers"`
	}
	if err := json.Unmarshal(text, &catalogue); err != nil {
		return fmt.Errorf("catalogue.json: %w", err)
	}
	policy := "none"
	if source != noSource {
		policy = "hard"
	}
	for _, p := range catalogue.Providers {
		if p["id"] == provider {
			p["revocation"] = policy
		}
	}
	return write(dir, "catalogue.json", catalogue)
}
