package api

import (
	"fmt"
	"strings"

	"github.com/skip2/go-qrcode"

	"certlink/confirm"
	"certlink/qr"
)

// still reads what both kinds of picture need: the code of this second, and how to
// draw it. A still obeys the same few seconds as the code that changes, so a page
// without script loads it again and again.
func (c *call) still() (*qrcode.QRCode, int, error) {
	size, err := c.number("size", 120, 1200, 300)
	if err != nil {
		return nil, 0, err
	}
	level, err := c.choice("level", "M", "L")
	if err != nil {
		return nil, 0, err
	}
	sessionID, browser, err := c.owner()
	if err != nil {
		return nil, 0, err
	}
	q, err := c.s.QR.Owned(c.ctx, sessionID, browser)
	if err != nil {
		return nil, 0, err
	}
	code, _ := c.s.QR.Code(q)
	if code == "" {
		if q.State == confirm.StateExpired {
			return nil, 0, qr.ErrExpired
		}
		return nil, 0, ErrStill.With("state", string(q.State))
	}
	drawn, err := qrcode.New(code, map[string]qrcode.RecoveryLevel{"L": qrcode.Low, "M": qrcode.Medium}[level])
	return drawn, int(size), err
}

func (s *Server) getStillPNG(c *call) error {
	drawn, size, err := c.still()
	if err != nil {
		return err
	}
	body, err := drawn.PNG(size)
	if err != nil {
		return err
	}
	c.f.Response().Header.SetContentType("image/png")
	c.f.Response().SetBodyRaw(body)
	return nil
}

func (s *Server) getStillSVG(c *call) error {
	drawn, size, err := c.still()
	if err != nil {
		return err
	}
	c.f.Response().Header.SetContentType("image/svg+xml; charset=utf-8")
	c.f.Response().SetBodyRaw(svg(drawn.Bitmap(), size))
	return nil
}

// svg draws the modules, quiet zone included, dark on white whatever the page's
// colours are: one path, a run of dark modules a piece.
func svg(modules [][]bool, size int) []byte {
	n := len(modules)
	var path strings.Builder
	for y, row := range modules {
		for x := 0; x < n; x++ {
			if !row[x] {
				continue
			}
			run := x
			for run < n && row[run] {
				run++
			}
			fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x, y, run-x, run-x)
			x = run
		}
	}
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" shape-rendering="crispEdges">`+
		`<title>QR code</title><path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="%s"/></svg>`+"\n", size, size, n, n, n, n, path.String())
}
