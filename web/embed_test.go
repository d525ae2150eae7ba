package web

import (
	"io/fs"
	"testing"
)

func TestLasting(t *testing.T) {
	for name, want := range map[string]bool{
		"portal/main-2KQ7XZ4B.js":   true,
		"phone/main-ABCDEFGH.css":   true,
		"portal/index.html":         false,
		"docs/swagger-ui.css":       false,
		"docs/swagger-ui-bundle.js": false,
		"widget/certlink.js":        false,
		"phone/sw.js":               false,
		"phone/icon-192.png":        false,
		"phone/main-abcdefgh.js":    false,
		"-.":                        false,
		"":                          false,
	} {
		if got := Lasting(name); got != want {
			t.Errorf("Lasting(%q) = %v", name, got)
		}
	}
}

// Built or not, the answer must agree with what lies there.
func TestAssetsSaysWhetherBuilt(t *testing.T) {
	root, built := Assets()
	_, err := fs.Stat(dist, "dist/portal/index.html")
	if built != (err == nil) {
		t.Fatalf("Assets says built=%v, but stat of the portal's page says %v", built, err)
	}
	if !built {
		return
	}
	for _, name := range []string{"portal/index.html", "docs/index.html"} {
		if _, err := fs.Stat(root, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
