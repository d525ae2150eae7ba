package api

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
)

func TestTheDocumentIsPutTogether(t *testing.T) {
	const base = `{"openapi":"3.1.0","components":{"schemas":{"Code":{"type":"string"}}},"x-codes":["c_inside"],"x-code-groups":{"always":["b_group"]}}`
	part := func(s string) fstest.MapFS {
		return fstest.MapFS{"openapi/base.json": {Data: []byte(base)}, "openapi/z.json": {Data: []byte(s)}}
	}
	raw, err := merge(part(`{"tags":[{"name":"T"}],"paths":{"/a":{"parameters":[],"get":{"x-codes":["a_own","b_group"]}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Paths      map[string]map[string]any
		Components struct {
			Schemas struct{ Code struct{ Enum []string } }
		}
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.Components.Schemas.Code.Enum, " "); got != "a_own b_group c_inside" {
		t.Errorf("codes: %s", got)
	}
	if d.Paths["/a"]["get"] == nil {
		t.Error("the path is lost")
	}
	for name, s := range map[string]string{
		"twice": `{"components":{"schemas":{"Code":{}}}}`, "unknown member": `{"path":{}}`, "no JSON": `{`,
		"a group twice": `{"x-code-groups":{"always":[]}}`,
	} {
		if _, err := merge(part(s)); err == nil || !strings.Contains(err.Error(), "z.json") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
