package api

import (
	"bytes"
	"io"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"certlink/internal/upload"
)

// addUpload registers a route that takes a file as its body, named in the address.
func (s *Server) addUpload(method, path string, steps ...step) {
	s.bodies[path] = upload.MaxSize
	s.add(method, path, steps...)
}

// file is the file that came as the body, and its name. Its type goes by its
// content, so all that the header may say is that there are bytes.
func (c *call) file() (name string, content io.Reader, err error) {
	if err := c.media("application/octet-stream"); err != nil {
		return "", nil, err
	}
	name, err = c.query("name", 255)
	return name, bytes.NewReader(c.f.Request().Body()), err
}

// sendFile answers with a file. It is saved and never shown in a page of this
// origin, whatever it holds: as an attachment, with a type that is not guessed.
func (c *call) sendFile(f *upload.File, content io.ReadCloser) error {
	defer content.Close()
	body, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	h := &c.f.Response().Header
	h.SetContentType(string(f.Kind))
	// The name in RFC 8187's form, and an ending for readers that do not know it.
	c.f.Set(fiber.HeaderContentDisposition, `attachment; filename="file`+f.Kind.Ending()+`"; filename*=UTF-8''`+url.PathEscape(f.Name))
	c.f.Set(fiber.HeaderContentSecurityPolicy, apiPolicy+"; sandbox")
	c.f.Response().SetBodyRaw(body)
	return nil
}

type fileView struct {
	ID   string      `json:"id"`
	Name string      `json:"name"`
	Kind upload.Kind `json:"kind"`
	Size int         `json:"size"`
	At   string      `json:"at"`
}

func showFile(f *upload.File) fileView {
	return fileView{f.ID, f.Name, f.Kind, f.Size, stamp(f.At)}
}

// bodyBound is how large a body the path takes, 0 for the common bound.
func (s *Server) bodyBound(path string) int {
	if most := s.bodies[path]; most > 0 {
		return most
	}
	for pattern, most := range s.bodies {
		if fits(pattern, path) {
			return most
		}
	}
	return 0
}

// fits says whether a path is of a pattern, whose parts with a colon are any.
func fits(pattern, path string) bool {
	for {
		p, restP, moreP := strings.Cut(pattern, "/")
		q, restQ, moreQ := strings.Cut(path, "/")
		if p != q && (!strings.HasPrefix(p, ":") || q == "") || moreP != moreQ {
			return false
		}
		if !moreP {
			return true
		}
		pattern, path = restP, restQ
	}
}
