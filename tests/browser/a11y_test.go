package browser

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/proto"

	"certlink/phone"
	"certlink/program"
	"certlink/program/programtest"
)

// look is how a state is looked at. Every pair of language, colours and width is
// among the four. Each state is looked at in one of them by turns, and in all four
// where the run is narrowed to a few: what is wrong in one look only is found while a
// state is worked on, and the suite stays short enough to be run.
type look struct {
	lang, colours string
	width         int
}

var looks = []look{{"zh-CN", "light", 1280}, {"zh-CN", "dark", 360}, {"en", "dark", 1280}, {"en", "light", 360}}

func looksOf(i int) []look {
	if os.Getenv("CERTLINK_STATES") != "" || os.Getenv("CERTLINK_SCREENSHOTS") != "" {
		return looks
	}
	return looks[i%len(looks):][:1]
}

func (l look) String() string { return fmt.Sprintf("%s-%s-%d", l.lang, l.colours, l.width) }

// Every designed state, as web/a11y/states.json lists them, in both languages,
// light and dark, wide and narrow: axe-core finds nothing, and nothing is wider
// than the screen. CERTLINK_STATES narrows the run to ids that begin so, several by comma.
func TestAccessibility(t *testing.T) {
	t.Parallel()
	_, origin := programtest.Serve(t, func(p *program.Program) { p.Settings.BindingsEach, p.Settings.StartsPerMin = 20, 6000 })
	b := browser(t, awake)
	h := &household{origin: origin, signed: map[string]*programtest.Portal{}, phones: map[string]*phone.Phone{}}
	if err := h.bindings(t.Context(), 1); err != nil {
		t.Fatal(err)
	}

	// The phone's states in a line of their own: the same phone goes through them.
	turn := map[*designed]int{}
	lines := make([]chan *designed, 3)
	for i := range lines {
		lines[i] = make(chan *designed, 500)
	}
	for i, s := range readStates(t) {
		if !slices.ContainsFunc(strings.Split(os.Getenv("CERTLINK_STATES"), ","), func(want string) bool { return strings.HasPrefix(s.ID, want) }) {
			continue
		}
		line := 1 + i%2
		if s.App == "phone" {
			line = 0
		}
		turn[&s] = i
		lines[line] <- &s
	}
	var wg sync.WaitGroup
	for _, line := range lines {
		close(line)
		v := &visitor{origin: origin, b: b, people: map[string]*rod.Browser{}, house: h}
		wg.Go(func() {
			for s := range line {
				t.Run(s.ID, func(t *testing.T) {
					vis := v.visit(t, s)
					vis.bring()
					for _, l := range looksOf(turn[s]) {
						if s.Narrow {
							l.width = 360
						}
						vis.look(l)
						for _, found := range vis.findings(l) {
							t.Errorf("%s: %s", l, found)
						}
					}
				})
			}
		})
	}
	wg.Wait()
}

var axe = sync.OnceValues(func() ([]byte, error) { return os.ReadFile("../../web/node_modules/axe-core/axe.min.js") })

// bring puts the checker into the page, past its content security policy.
func (v *visit) bring() {
	v.t.Helper()
	script, err := axe()
	if err != nil {
		v.t.Fatal("axe-core is missing: make web")
	}
	_, err = proto.RuntimeEvaluate{Expression: string(script), ReturnByValue: true}.Call(v.page)
	v.must(err)
}

// look turns the page to another language, other colours, another width.
func (v *visit) look(l look) {
	v.t.Helper()
	v.must(v.page.SetViewport(&proto.EmulationSetDeviceMetricsOverride{Width: l.width, Height: 800, DeviceScaleFactor: 1}))
	v.must(proto.EmulationSetEmulatedMedia{Features: []*proto.EmulationMediaFeature{{Name: "prefers-color-scheme", Value: l.colours},
		{Name: "prefers-reduced-motion", Value: "reduce"}}}.Call(v.page))
	_, err := v.page.Eval(`async (lang) => {
		if (document.documentElement.lang !== lang) document.querySelector('[data-testid="lang"]')?.click()
		await new Promise((r) => setTimeout(r, 60))
	}`, l.lang)
	v.must(err)
	if lang := v.page.MustEval(`() => document.documentElement.lang`).Str(); lang != l.lang {
		// Nothing to click on here: the language chosen elsewhere, and the page anew.
		v.page.MustEval(`(lang) => { localStorage.setItem('certlink.lang', lang); document.cookie = 'certlink_lang=' + lang + '; Path=/' }`, l.lang)
		v.reload()
		v.arrive(v.s.End, v.s.State)
		v.bring()
	}
	v.shot(v.s.ID + "-" + l.String())
}

// findings is what axe-core objects to, and what does not fit.
func (v *visit) findings(l look) (out []string) {
	v.t.Helper()
	result, err := v.page.Eval(`async () => {
		const found = (await axe.run(document, { resultTypes: ['violations'] })).violations
		const out = found.map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.target.join(' ') + ' (' + (n.any[0] ?? n.all[0] ?? n.none[0])?.message + ')').join('; '))
		const wide = document.documentElement.scrollWidth - innerWidth
		if (wide > 0) out.push('the page is ' + wide + ' pixels wider than the screen')
		return out
	}`)
	v.must(err)
	for _, s := range result.Value.Arr() {
		out = append(out, s.Str())
	}
	if lang := v.page.MustEval(`() => document.documentElement.lang`).Str(); lang != l.lang {
		out = append(out, "the page is in "+lang)
	}
	return out
}
