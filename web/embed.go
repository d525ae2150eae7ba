// Package web holds the pages that people see: the portal, the phone app, the
// embeddable code and the readable page of the API, as npm run build left them
// in dist. Not built, it holds only dist/.gitkeep, and Assets says so.
package web

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// Assets returns the built pages, rooted so that "portal/index.html" is the
// portal's page; false when the binary was made without building them.
func Assets() (fs.FS, bool) {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, false
	}
	if _, err := fs.Stat(root, "portal/index.html"); err != nil {
		return nil, false
	}
	return root, true
}

// Lasting tells whether the file of that name can be cached for ever: the build
// put a hash of the content into its name ("main-2KQ7XZ4B.js").
func Lasting(name string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
	dash, dot := strings.LastIndexByte(base, '-'), strings.LastIndexByte(base, '.')
	if dash < 0 || dot-dash != 9 {
		return false
	}
	for _, c := range base[dash+1 : dot] {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
