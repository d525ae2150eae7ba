// Package profile reads the bridge's configuration: which origins may use it, and the
// vendors' libraries with their quirks. An administrator writes it; every mistake in
// it is named with its place, all at once.
package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"certlink/ukey/internal/once"
	"certlink/ukey/skf"
)

// Config is the file.
type Config struct {
	Version int `json:"version"`
	// Listen is the loopback address; DefaultListen where it is left out.
	Listen string `json:"listen"`
	// Origins are the portals that may use the bridge, exactly as browsers spell them.
	Origins []string `json:"origins"`
	// Pinentry is the program that asks for PINs on Unix; "" looks in the usual places.
	Pinentry string `json:"pinentry"`
	// Audit is the file that says what was signed and refused; "" puts it beside the state.
	Audit    string    `json:"audit"`
	Profiles []Profile `json:"profiles"`
}

// DefaultListen is where portals look for the bridge.
const DefaultListen = "127.0.0.1:23917"

// Profile is one vendor's library.
type Profile struct {
	ID     string `json:"id"`
	NameZH string `json:"name_zh"`
	NameEN string `json:"name_en"`
	// Providers are those, by their ids in the portal's catalogue, whose certificates
	// come on these tokens; it only helps the portal to sort.
	Providers []string `json:"providers"`
	Kind      string   `json:"kind"` // pkcs11, skf; soft by --demo only
	// Library is the absolute path by system: "windows", "macos", "linux", or with the
	// word size behind, such as "windows-386", which comes first.
	Library map[string]string `json:"library"`
	// PIN "vendor": the library or the token asks for it by itself. "bridge" (default).
	PIN string `json:"pin"`
	// Packing 1: structures without gaps; 0 (default) is the system's own way. PKCS#11
	// is packed on Windows in any case.
	Packing int `json:"packing"`
	// ULong is the size of ULONG in SKF structures, 4 (default) or 8.
	ULong        int      `json:"ulong"`
	Applications []string `json:"applications"`
	ECCDecrypt   string   `json:"ecc_decrypt"`
	// Codes makes the bridge's refusals of a vendor's own return values, in hex.
	Codes map[string]string `json:"codes"`
}

const maxFile = 1 << 20

// Parse reads the file and names every mistake.
func Parse(data []byte) (*Config, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("the file has %d bytes, and %d are the most", len(data), maxFile)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // editors on Windows put it there
	if err := once.Check(data); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	c := new(Config)
	if err := d.Decode(c); err != nil {
		return nil, fmt.Errorf("this is not the configuration of the bridge: %w", err)
	}
	if d.More() {
		return nil, errors.New("something stands after the end of the object")
	}
	var m mistakes
	c.check(&m)
	return c, m.err()
}

type mistakes []string

func (m *mistakes) add(at, format string, args ...any) {
	*m = append(*m, at+": "+fmt.Sprintf(format, args...))
}

func (m mistakes) err() error {
	if len(m) == 0 {
		return nil
	}
	return errors.New(strings.Join(m, "\n"))
}

func (c *Config) check(m *mistakes) {
	if c.Version != 1 {
		m.add("/version", "must be 1")
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if at, err := netip.ParseAddrPort(c.Listen); err != nil || !at.Addr().IsLoopback() || at.Port() == 0 || at.String() != c.Listen {
		m.add("/listen", "%q must be a loopback address with a port, such as %s: the bridge must not be reached from other machines", c.Listen, DefaultListen)
	}
	if len(c.Origins) == 0 {
		m.add("/origins", "names no portal; without one the bridge serves nobody")
	}
	for i, o := range c.Origins {
		if problem := CheckOrigin(o); problem != "" {
			m.add(fmt.Sprintf("/origins/%d", i), "%q %s", o, problem)
		}
	}
	absolute(m, "/pinentry", c.Pinentry, runtime.GOOS)
	absolute(m, "/audit", c.Audit, runtime.GOOS)
	seen := map[string]bool{}
	for i := range c.Profiles {
		p, at := &c.Profiles[i], fmt.Sprintf("/profiles/%d", i)
		if seen[p.ID] {
			m.add(at+"/id", "%q stands twice", p.ID)
		}
		seen[p.ID] = true
		p.check(m, at)
	}
}

// CheckOrigin says what is wrong with an origin, "" if nothing is.
func CheckOrigin(o string) string {
	u, err := url.Parse(o)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "is not an origin such as https://ca.example.cn"
	case u.Scheme+"://"+u.Host != o || strings.ToLower(o) != o || strings.HasSuffix(o, ":443") || strings.ContainsAny(o, "* "):
		return "must be written as browsers do: scheme and host in lower case, no path, no usual port, no pattern"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "is plain HTTP and not this machine itself; use https"
	}
	return ""
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

var idShape = regexp.MustCompile(`^[a-z0-9-]{2,32}$`)
var symbolShape = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

var systems = map[string]bool{}

func init() {
	for _, os := range []string{"windows", "macos", "linux"} {
		systems[os] = true
		for _, arch := range []string{"386", "amd64", "arm64"} {
			systems[os+"-"+arch] = true
		}
	}
}

func (p *Profile) check(m *mistakes, at string) {
	if !idShape.MatchString(p.ID) {
		m.add(at+"/id", "%q must be 2 to 32 of a–z, 0–9 and -", p.ID)
	}
	if p.NameZH == "" || p.NameEN == "" {
		m.add(at+"/name_zh", "name_zh and name_en are what people see; both are needed")
	}
	switch p.Kind {
	case "pkcs11":
		if p.ULong != 0 || len(p.Applications) > 0 || p.ECCDecrypt != "" || len(p.Codes) > 0 {
			m.add(at, "ulong, applications, ecc_decrypt and codes are for skf only")
		}
	case "skf":
	default:
		m.add(at+"/kind", "%q must be pkcs11 or skf", p.Kind)
	}
	if p.PIN == "" {
		p.PIN = "bridge"
	}
	if p.PIN != "bridge" && p.PIN != "vendor" {
		m.add(at+"/pin", "%q must be bridge or vendor", p.PIN)
	}
	if p.Packing != 0 && p.Packing != 1 {
		m.add(at+"/packing", "must be 0 or 1")
	}
	if p.ULong != 0 && p.ULong != 4 && p.ULong != 8 {
		m.add(at+"/ulong", "must be 4 or 8")
	}
	if p.ECCDecrypt != "" && !symbolShape.MatchString(p.ECCDecrypt) {
		m.add(at+"/ecc_decrypt", "%q is no name of a function", p.ECCDecrypt)
	}
	if len(p.Library) == 0 {
		m.add(at+"/library", "names no library")
	}
	for system, file := range p.Library {
		if !systems[system] {
			m.add(at+"/library/"+system, "no such system; use windows, macos or linux, with -386, -amd64 or -arm64 behind where they differ")
			continue
		}
		os, _, _ := strings.Cut(system, "-")
		if file == "" {
			m.add(at+"/library/"+system, "is empty")
		}
		absolute(m, at+"/library/"+system, file, os)
	}
	for value, code := range p.Codes {
		if _, err := strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 32); err != nil || !strings.HasPrefix(value, "0x") {
			m.add(at+"/codes/"+value, "must be a return value in hex, such as 0x0A000024")
		}
		if !vendorCodes[code] {
			m.add(at+"/codes/"+value, "%q is no refusal that a vendor's code can stand for", code)
		}
	}
}

// vendorCodes are the refusals that a return value can mean.
var vendorCodes = map[string]bool{"ukey_pin_wrong": true, "ukey_pin_locked": true, "ukey_pin_length": true, "ukey_pin_unset": true, "ukey_removed": true,
	"ukey_certificate_missing": true, "ukey_unsupported": true, "ukey_failed": true}

var drive = regexp.MustCompile(`^[A-Za-z]:\\`)

// absolute refuses what the system would go looking for: a library that lies in the
// wrong folder under the right name must never be loaded.
func absolute(m *mistakes, at, file, os string) {
	switch {
	case file == "":
	case os == "windows":
		if !drive.MatchString(file) || strings.Contains(file, `\..`) || strings.Contains(file, "/") {
			m.add(at, "%q must be an absolute path such as C:\\Windows\\System32\\vendor.dll", file)
		}
	case !path.IsAbs(file) || path.Clean(file) != file:
		m.add(at, "%q must be an absolute path without . and ..", file)
	}
}

// Path is the library for this system, "" where there is none.
func (p *Profile) Path() string {
	os := runtime.GOOS
	if os == "darwin" {
		os = "macos"
	}
	if file := p.Library[os+"-"+runtime.GOARCH]; file != "" {
		return file
	}
	return p.Library[os]
}

// Packed says whether the library's structures lie without gaps.
func (p *Profile) Packed() bool { return p.Packing == 1 || runtime.GOOS == "windows" }

// Quirks are what an SKF library needs to be known.
func (p *Profile) Quirks() skf.Quirks {
	q := skf.Quirks{ULong: p.ULong, Applications: p.Applications, ECCDecrypt: p.ECCDecrypt, Codes: map[uint32]string{}}
	for value, code := range p.Codes {
		if n, err := strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 32); err == nil {
			q.Codes[uint32(n)] = code
		}
	}
	return q
}
