package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// The contract is written by hand: it is what we promise, not what the code happens
// to do; every answer in the tests is held against it. Each area has a fragment;
// base.json holds what they share.
//
//go:embed openapi/*.json
var fragments embed.FS

// document is the fragments as one OpenAPI document.
var document = sync.OnceValues(func() ([]byte, error) { return merge(fragments) })

// fragment is a part of the document. Leaves stay as they are written, so that their
// members keep the order that a reader wants.
type fragment struct {
	OpenAPI    string                                `json:"openapi,omitempty"`
	Info       json.RawMessage                       `json:"info,omitempty"`
	Servers    json.RawMessage                       `json:"servers,omitempty"`
	Tags       []json.RawMessage                     `json:"tags,omitempty"`
	Groups     map[string][]string                   `json:"x-code-groups,omitempty"`
	Codes      []string                              `json:"x-codes,omitempty"` // that no operation answers with: they stand inside answers
	Paths      map[string]map[string]json.RawMessage `json:"paths,omitempty"`
	Components map[string]map[string]json.RawMessage `json:"components,omitempty"`
}

// merge puts the fragments together; what stands twice is a mistake. The list of all
// codes is made here, out of what the operations name.
func merge(from fs.FS) ([]byte, error) {
	names, err := fs.Glob(from, "openapi/*.json")
	if err != nil {
		return nil, err
	}
	whole := fragment{Groups: map[string][]string{}, Paths: map[string]map[string]json.RawMessage{}, Components: map[string]map[string]json.RawMessage{}}
	for _, name := range names {
		raw, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, err
		}
		var f fragment
		d := json.NewDecoder(bytes.NewReader(raw))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			return nil, fmt.Errorf("api: %s: %w", name, err)
		}
		if err := whole.add(&f); err != nil {
			return nil, fmt.Errorf("api: %s: %w", name, err)
		}
	}
	if err := whole.listCodes(); err != nil {
		return nil, err
	}
	return json.Marshal(whole)
}

func (w *fragment) add(f *fragment) error {
	if f.OpenAPI != "" {
		w.OpenAPI, w.Info, w.Servers = f.OpenAPI, f.Info, f.Servers
	}
	w.Tags = append(w.Tags, f.Tags...)
	w.Codes = append(w.Codes, f.Codes...)
	for name, codes := range f.Groups {
		if w.Groups[name] != nil {
			return fmt.Errorf("the group %s stands twice", name)
		}
		w.Groups[name] = codes
	}
	if err := addAll(w.Paths, f.Paths); err != nil {
		return err
	}
	return addAll(w.Components, f.Components)
}

func addAll(to, from map[string]map[string]json.RawMessage) error {
	for name, members := range from {
		if to[name] == nil {
			to[name] = map[string]json.RawMessage{}
		}
		for member, value := range members {
			if to[name][member] != nil {
				return fmt.Errorf("%s %s stands twice", name, member)
			}
			to[name][member] = value
		}
	}
	return nil
}

// listCodes makes the values of the schema Code.
func (w *fragment) listCodes() error {
	all := map[string]bool{}
	note := func(codes []string) {
		for _, c := range codes {
			all[c] = true
		}
	}
	note(w.Codes)
	for _, codes := range w.Groups {
		note(codes)
	}
	for path, operations := range w.Paths {
		for method, raw := range operations {
			if method == "parameters" {
				continue
			}
			var o struct {
				Codes []string `json:"x-codes"`
			}
			if err := json.Unmarshal(raw, &o); err != nil {
				return fmt.Errorf("api: %s %s: %w", method, path, err)
			}
			note(o.Codes)
		}
	}
	var code map[string]any
	if err := json.Unmarshal(w.Components["schemas"]["Code"], &code); err != nil {
		return fmt.Errorf("api: the schema Code: %w", err)
	}
	code["enum"] = slices.Sorted(maps.Keys(all))
	raw, err := json.Marshal(code)
	w.Components["schemas"]["Code"] = raw
	return err
}

func (s *Server) getOpenAPI(c *call) error {
	body, err := document()
	if err != nil {
		return err
	}
	c.f.Response().Header.SetContentType("application/json; charset=utf-8")
	c.f.Set(fiber.HeaderCacheControl, "no-cache")
	c.f.Response().SetBodyRaw(body)
	return nil
}
