// Command zlint holds certificates and revocation lists (files in DER, named as
// arguments; lists end in .crl) against the lints of the RFCs, prints what they find,
// and ends with 1 if they found anything. It is a module of its own so that the
// product does not depend on the linter; the tests of package authority run it.
package main

import (
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

func main() {
	lints, err := lint.GlobalRegistry().Filter(lint.FilterOptions{IncludeSources: lint.SourceList{
		lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC6960, lint.RFC6962, lint.RFC8813}})
	if err != nil {
		log.Fatal(err)
	}
	found := false
	for _, file := range os.Args[1:] {
		der, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		results, err := check(file, der, lints)
		if err != nil {
			log.Fatalf("%s: %v", file, err)
		}
		passed := 0
		for name, r := range results {
			if r.Status == lint.Pass {
				passed++
			} else if r.Status > lint.Pass {
				found = true
				fmt.Printf("%s: %s: %s %s\n", file, name, r.Status, r.Details)
			}
		}
		fmt.Printf("%s: %d lints passed\n", file, passed)
	}
	if found {
		os.Exit(1)
	}
}

func check(file string, der []byte, lints lint.Registry) (map[string]*lint.LintResult, error) {
	if strings.HasSuffix(file, ".crl") {
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, err
		}
		return zlint.LintRevocationListEx(l, lints).Results, nil
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return zlint.LintCertificateEx(c, lints).Results, nil
}
