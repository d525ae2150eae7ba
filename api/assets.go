package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// notBuilt is what people see who have not built the pages.
const notBuilt = "certlink: the pages are not built; run \"make web\" and start again. 网页尚未构建，请先运行 make web。\n"

// types are the media types of what the build makes, with a charset where there is
// text: a script without one is read in the page's, or guessed.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8", ".json": "application/json; charset=utf-8", ".map": "application/json; charset=utf-8",
	".webmanifest": "application/manifest+json; charset=utf-8", ".svg": "image/svg+xml; charset=utf-8", ".txt": "text/plain; charset=utf-8",
	".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2", ".wasm": "application/wasm",
}

// asset is a built file, read and compressed when it is first asked for.
type asset struct {
	once    sync.Once
	body    []byte
	gzipped []byte // nil where it gains nothing
	etag    string
	kind    string
	lasting bool
	err     error
}

type assets struct {
	fs      fs.FS
	lasting func(string) bool
	files   sync.Map // name → *asset; only of files that exist
}

// get finds a file by its clean name.
func (a *assets) get(name string) (*asset, error) {
	if v, ok := a.files.Load(name); ok {
		return v.(*asset).load(a, name)
	}
	info, err := fs.Stat(a.fs, name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, ErrRoute
	}
	v, _ := a.files.LoadOrStore(name, new(asset))
	return v.(*asset).load(a, name)
}

func (f *asset) load(a *assets, name string) (*asset, error) {
	f.once.Do(func() {
		if f.body, f.err = fs.ReadFile(a.fs, name); f.err != nil {
			return
		}
		sum := sha256.Sum256(f.body)
		f.etag = base64.RawURLEncoding.EncodeToString(sum[:16])
		f.lasting = a.lasting(name)
		ext := path.Ext(name)
		if f.kind = types[ext]; f.kind == "" {
			if f.kind = mime.TypeByExtension(ext); f.kind == "" {
				f.kind = "application/octet-stream"
			}
		}
		if strings.Contains(f.kind, "charset") && len(f.body) > 1024 {
			var b bytes.Buffer
			w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
			_, f.err = w.Write(f.body)
			if err := w.Close(); f.err == nil {
				f.err = err
			}
			if b.Len() < len(f.body) {
				f.gzipped = b.Bytes()
			}
		}
	})
	return f, f.err
}

// site serves one of the built apps: its files, and its page for every address
// below it that names no file.
func (s *Server) site(app string) step {
	return func(c *call) error {
		if s.assets == nil {
			return s.unbuilt(c)
		}
		name := path.Join(app, path.Clean("/"+strings.TrimPrefix(c.f.Path(), "/"+app)))
		if path.Ext(name) == "" {
			name = path.Join(app, "index.html")
		}
		return s.file(c, name)
	}
}

// forOtherSites lets pages of other sites load a file: the widget is made for them.
func forOtherSites(c *call) error {
	c.f.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return nil
}

func (s *Server) unbuilt(c *call) error {
	c.f.Status(fiber.StatusServiceUnavailable)
	c.f.Response().Header.SetContentType("text/plain; charset=utf-8")
	c.f.Set(fiber.HeaderCacheControl, "no-store")
	c.f.Response().SetBodyString(notBuilt)
	return nil
}

func (s *Server) file(c *call, name string) error {
	f, err := s.assets.get(name)
	if err != nil {
		return err
	}
	h := &c.f.Response().Header
	tag := `"` + f.etag + `"`
	h.SetContentType(f.kind)
	if f.lasting {
		h.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	} else {
		h.Set(fiber.HeaderCacheControl, "no-cache")
	}
	body := f.body
	if f.gzipped != nil {
		h.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
		if offered := c.header(fiber.HeaderAcceptEncoding); strings.Contains(offered, "gzip") && !strings.Contains(offered, "gzip;q=0") {
			h.Set(fiber.HeaderContentEncoding, "gzip")
			tag, body = `"`+f.etag+`-gz"`, f.gzipped
		}
	}
	h.Set(fiber.HeaderETag, tag)
	if match := c.header(fiber.HeaderIfNoneMatch); match != "" && (match == tag || strings.Contains(match, tag)) {
		c.f.Status(fiber.StatusNotModified)
		return nil
	}
	c.f.Response().SetBodyRaw(body)
	return nil
}

// publicHost sends people to the public origin: cookies, proofs and codes work
// there only. Programs get their answer wherever they ask.
func (c *call) publicHost() error {
	if string(c.f.Request().Host()) == c.s.host {
		return nil
	}
	c.f.Set(fiber.HeaderCacheControl, "no-store")
	uri := c.f.Request().URI()
	to := c.s.Origin + string(uri.PathOriginal())
	if q := uri.QueryString(); len(q) > 0 {
		to += "?" + string(q)
	}
	return c.redirect(fiber.StatusPermanentRedirect, to)
}

// done is returned by a step that has answered, so that no further one does.
var done = fiber.NewError(0, "answered")

func (c *call) redirect(status int, to string) error {
	c.f.Status(status)
	c.f.Set(fiber.HeaderLocation, to)
	return done
}
