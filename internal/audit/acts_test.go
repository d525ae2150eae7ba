package audit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms are where effects come from.
var rooms = []string{"account", "cashier", "confirm", "desk", "mobilecert", "push", "qr"}

// dotted is the form of an act's name: account.created. What else is written so and
// is no act stands in others.
var (
	dotted = regexp.MustCompile(`^[a-z_]+\.[a-z_]*$`)
	others = regexp.MustCompile(`^(org\.code|param\..*|requester\..*)$`)
)

// composed are acts whose second half is a state: in which room the type is declared,
// and which of its values are never recorded.
var composed = map[string]struct {
	room, name string
	never      []string
}{
	"application.face_": {"mobilecert/identity", "State", []string{"starting", "pending"}},
	"certificate.":      {"mobilecert", "CertificateState", []string{"issuing", "active"}}, // recorded as intended, issued
	"identity.":         {"mobilecert/identity", "State", []string{"starting", "pending"}},
	"invoice.":          {"cashier/invoice", "State", nil},
	"order.":            {"cashier", "State", nil},
	"prompt.":           {"confirm", "State", []string{"accepted", "confirmed", "cancelled"}},
	"rehearsal.":        {"mobilecert/bids", "RehearsalState", []string{"asked"}},
	"renewal.":          {"mobilecert/renewal", "State", []string{"due", "payment"}},
	"renewal.face_":     {"mobilecert/identity", "State", []string{"starting", "pending"}},
}

// Whoever reads the log reads words: every act that the code writes has them, and no
// act has that it does not write. (That both languages have the same is the web's test.)
func TestActsHaveWords(t *testing.T) {
	written := acts(t)
	if len(written) < 100 {
		t.Fatalf("only %d acts are found in the code", len(written))
	}
	worded := words(t)
	for act, where := range written {
		if !slices.Contains(worded, act) {
			t.Errorf("web/portal/operator/acts.ts has no words for %s (%s)", act, where)
		}
	}
	for _, act := range worded {
		if written[act] == "" {
			t.Errorf("web/portal/operator/acts.ts has words for %s, which nothing writes", act)
		}
	}
}

// words reads which acts are named in the portal.
func words(t *testing.T) (all []string) {
	b, err := os.ReadFile("../../web/portal/operator/acts.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^    '([a-z_.]+)': `).FindAllSubmatch(b, -1) {
		all = append(all, string(m[1]))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// acts reads the names of acts from the sources, each with a place where it stands.
func acts(t *testing.T) map[string]string {
	found := map[string]string{}
	files := token.NewFileSet()
	for _, room := range rooms {
		err := filepath.WalkDir("../../"+room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ValueSpec: // kinds of effects are written alike
					return !strings.HasPrefix(strings.ToLower(n.Names[0].Name), "effect")
				case *ast.BasicLit:
					name, err := strconv.Unquote(n.Value)
					where := files.Position(n.Pos()).String()
					switch {
					case n.Kind != token.STRING || err != nil || !dotted.MatchString(name) || others.MatchString(name):
					case strings.HasSuffix(name, ".") || strings.HasSuffix(name, "_"):
						for _, state := range states(t, name, where) {
							found[name+state] = where
						}
					default:
						found[name] = where
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// states are the second halves of a composed act.
func states(t *testing.T, prefix, where string) (all []string) {
	of, ok := composed[prefix]
	if !ok {
		t.Errorf("%s: of which states are the acts %s… composed?", where, prefix)
		return nil
	}
	sources, err := filepath.Glob("../../" + of.room + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				return true
			}
			typ, ok := v.Type.(*ast.Ident)
			lit, isText := v.Values[0].(*ast.BasicLit)
			if ok && isText && typ.Name == of.name {
				if state, err := strconv.Unquote(lit.Value); err == nil && !slices.Contains(of.never, state) {
					all = append(all, state)
				}
			}
			return true
		})
	}
	if len(all) == 0 {
		t.Errorf("%s: %s has no states %s", where, of.room, of.name)
	}
	return all
}
