package upload

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	_ "image/jpeg" // formats that DecodeConfig knows
	_ "image/png"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is a type of file, by its media type.
type Kind string

// The kinds. OFD (GB/T 33190) and XML are what invoices come as.
const (
	PDF  Kind = "application/pdf"
	JPEG Kind = "image/jpeg"
	PNG  Kind = "image/png"
	OFD  Kind = "application/ofd"
	XML  Kind = "application/xml"
)

// Papers are what people hand in: scans and photographs.
var Papers = []Kind{PDF, JPEG, PNG}

var endings = map[Kind]string{PDF: ".pdf", JPEG: ".jpg", PNG: ".png", OFD: ".ofd", XML: ".xml"}

// Ending is that of the file's name.
func (k Kind) Ending() string { return endings[k] }

// maxPixels is what a picture may have when it is shown: a small file can unpack to
// more than a reviewer's browser bears.
const maxPixels = 100_000_000

// accept finds the kind of a file, if it is one of those wanted.
func accept(data []byte, wanted []Kind) (Kind, error) {
	kind, ok := detect(data)
	accepted := make([]string, len(wanted))
	for i, k := range wanted {
		accepted[i] = strings.ToUpper(strings.TrimPrefix(k.Ending(), "."))
	}
	if !ok || !slices.Contains(wanted, kind) {
		return "", ErrKind.With("accepted", strings.Join(accepted, ", "))
	}
	return kind, nil
}

// detect goes by the content, and wants the whole of it to make sense: the first
// bytes alone are easily put before anything.
func detect(data []byte) (Kind, bool) {
	switch {
	case bytes.HasPrefix(data, []byte("%PDF-")):
		// The last line of a PDF (ISO 32000-1 §7.5.5); programs append a little.
		return PDF, bytes.Contains(data[max(0, len(data)-1024):], []byte("%%EOF"))
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return JPEG, picture(data, "jpeg")
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return PNG, picture(data, "png")
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return OFD, ofd(data)
	}
	return XML, wellFormed(data)
}

func picture(data []byte, format string) bool {
	c, got, err := image.DecodeConfig(bytes.NewReader(data))
	return err == nil && got == format && c.Width > 0 && c.Height > 0 && c.Width <= maxPixels/c.Height
}

// ofd is a ZIP with OFD.xml at its root.
func ofd(data []byte) bool {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	return err == nil && slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == "OFD.xml" })
}

// wellFormed wants one XML document in UTF-8 without a document type: entities are
// of no use in an invoice and of much use to an attacker.
func wellFormed(data []byte) bool {
	text := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(text) || !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("<")) {
		return false
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	roots, depth := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return roots == 1 && depth == 0
		}
		if err != nil {
			return false
		}
		switch t := token.(type) {
		case xml.Directive:
			return false
		case xml.StartElement:
			if depth == 0 {
				roots++
				if strings.EqualFold(t.Name.Local, "html") || strings.EqualFold(t.Name.Local, "svg") {
					return false // a page with scripts, not a record
				}
			}
			if depth++; depth > 200 {
				return false
			}
		case xml.EndElement:
			depth--
		}
	}
}
