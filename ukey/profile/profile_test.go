package profile_test

import (
	"os"
	"strings"
	"testing"

	"certlink/ukey/profile"
)

func TestExample(t *testing.T) {
	raw, err := os.ReadFile("../../docs/bridge.example.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := profile.Parse(raw)
	if err != nil || c.Listen != profile.DefaultListen || len(c.Profiles) < 2 || c.Profiles[0].Path() == "" {
		t.Fatalf("%+v, %v", c, err)
	}
}

func TestEveryMistakeIsNamed(t *testing.T) {
	_, err := profile.Parse([]byte(`{"version": 2, "listen": "0.0.0.0:80", "origins": ["https://Ca.example.cn/", "http://ca.example.cn", "null", "*"],
	 "pinentry": "pinentry", "profiles": [
	  {"id": "x", "name_zh": "", "name_en": "X", "kind": "csp", "library": {"linux": "libx.so", "beos": "/x", "windows": "..\\x.dll"}, "pin": "page", "packing": 4},
	  {"id": "ok-one", "name_zh": "甲", "name_en": "A", "kind": "skf", "library": {"windows-386": "C:\\V\\v.dll"}, "ulong": 2, "ecc_decrypt": "a b", "codes": {"24": "ukey_pin_wrong", "0x1": "made_up"}},
	  {"id": "ok-one", "name_zh": "乙", "name_en": "B", "kind": "pkcs11", "library": {}, "ulong": 8}]}`))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, at := range []string{"/version", "/listen", "/origins/0", "/origins/1", "/origins/2", "/origins/3", "/pinentry", "/profiles/0/id", "/profiles/0/name_zh",
		"/profiles/0/kind", "/profiles/0/library/linux", "/profiles/0/library/beos", "/profiles/0/library/windows", "/profiles/0/pin", "/profiles/0/packing",
		"/profiles/1/ulong", "/profiles/1/ecc_decrypt", "/profiles/1/codes/24", "/profiles/1/codes/0x1", "/profiles/2/id", "/profiles/2/library", "/profiles/2: "} {
		if !strings.Contains(err.Error(), at) {
			t.Errorf("%s is not named in:\n%v", at, err)
		}
	}
	for _, bad := range []string{"", "{", "[]", "null{", `{"version":1,"version":1}`, `{"verison":1}`, `{"version":1,"origins":["https://a.cn"]} x`, strings.Repeat("[", 99)} {
		if _, err := profile.Parse([]byte(bad)); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	raw, err := os.ReadFile("../../docs/bridge.example.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"version":1,"origins":["https://a.cn"],"profiles":[{"codes":{"0x1":"ukey_failed"}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := profile.Parse(data)
		if err != nil {
			return
		}
		for _, o := range c.Origins {
			if profile.CheckOrigin(o) != "" {
				t.Errorf("%q came through", o)
			}
		}
		for _, p := range c.Profiles {
			if file := p.Path(); file != "" && !strings.HasPrefix(file, "/") && !strings.Contains(file, `:\`) {
				t.Errorf("%q came through", file)
			}
			p.Quirks()
		}
	})
}
