package browser

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"certlink/program/programtest"

	"github.com/go-rod/rod"
	"github.com/go-rod/rod/lib/input"
	"github.com/go-rod/rod/lib/launcher"
	"github.com/go-rod/rod/lib/launcher/flags"
	"github.com/go-rod/rod/lib/proto"
)

func TestMain(m *testing.M) { programtest.Main(m) }

// awake keeps pages that lie behind others going, for tests with several people
// in one browser.
var awake = map[string]string{"disable-background-timer-throttling": "", "disable-renderer-backgrounding": "", "disable-backgrounding-occluded-windows": ""}

// browser starts Chromium for one person.
func browser(t *testing.T, extra map[string]string) *rod.Browser {
	t.Helper()
	l := launcher.New().Bin(programtest.Tool(t, "chromium", "chromium")).Leakless(false).Headless(true).NoSandbox(true).
		UserDataDir(t.TempDir())
	for _, f := range []string{"disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "disable-dev-shm-usage"} {
		l = l.Set(flags.Flag(f))
	}
	for name, value := range extra {
		if value == "" {
			l = l.Set(flags.Flag(name))
		} else {
			l = l.Set(flags.Flag(name), value)
		}
	}
	url, err := l.Launch()
	if err != nil {
		t.Fatal(err)
	}
	b := rod.New().ControlURL(url)
	if err := b.Connect(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		l.Kill()
		l.Cleanup()
	})
	return b
}

// person is one page and what somebody does on it.
type person struct {
	t    *testing.T
	name string
	page *rod.Page
	errs *[]string
	// tab: the page shares its browser with others and must come to the front
	// before anything is done on it; tabs behind are not drawn.
	tab bool
	// waits is how long to wait for something.
	waits time.Duration
}

func open(t *testing.T, b *rod.Browser, name, url string, width, height int) *person {
	t.Helper()
	page, err := b.Page(proto.TargetCreateTarget{})
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, name: name, page: page.Timeout(8 * time.Minute), errs: &[]string{}}
	p.must(p.page.SetViewport(&proto.EmulationSetDeviceMetricsOverride{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 500}))
	// What the page complains of is a finding: a refused inline style, a script that failed.
	go page.EachEvent(func(e *proto.RuntimeExceptionThrown) {
		*p.errs = append(*p.errs, e.ExceptionDetails.Text+" "+fmt.Sprint(e.ExceptionDetails.Exception))
	}, func(e *proto.LogEntryAdded) {
		if e.Entry.Level == proto.LogLogEntryLevelError && e.Entry.Source == proto.LogLogEntrySourceSecurity {
			*p.errs = append(*p.errs, e.Entry.Text)
		}
	})()
	p.must(p.page.Navigate(url))
	p.must(p.page.WaitLoad())
	t.Cleanup(func() {
		if t.Failed() {
			p.shot("failed-" + name)
		}
		for _, e := range *p.errs {
			t.Errorf("%s's page: %s", name, e)
		}
	})
	return p
}

func (p *person) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

const patience = 60 * time.Second

func (p *person) patience() time.Duration { return cmp.Or(p.waits, patience) }

// see waits for something with this test id.
func (p *person) see(id string) *rod.Element {
	p.t.Helper()
	for deadline := time.Now().Add(p.patience()); ; {
		wait := time.Until(deadline)
		if p.tab {
			_, err := p.page.Activate()
			p.must(err)
			// A tab that is just being closed can still hand the front to another one.
			wait = min(wait, 5*time.Second)
		}
		e, err := p.page.Timeout(wait).Element(`[data-testid="` + id + `"]`)
		if err == nil {
			return e.CancelTimeout()
		}
		if !time.Now().Before(deadline) {
			p.t.Fatalf("%s does not see %s: %v\n%s", p.name, id, err, p.text())
		}
	}
}

func (p *person) text() string {
	body, err := p.page.Timeout(5 * time.Second).Element("body")
	if err != nil {
		return err.Error()
	}
	s, _ := body.Text()
	return s
}

// click presses what has the test id, as soon as it can be pressed.
func (p *person) click(id string) {
	p.t.Helper()
	deadline := time.Now().Add(p.patience())
	for {
		e := p.see(id)
		err := e.Timeout(5*time.Second).Click(proto.InputMouseButtonLeft, 1)
		if err == nil {
			return
		}
		// A page that redraws takes the element away between finding and pressing.
		if time.Now().After(deadline) {
			p.t.Fatalf("%s cannot press %s: %v\n%s", p.name, id, err, p.text())
		}
	}
}

func (p *person) write(id, text string) {
	p.t.Helper()
	e := p.see(id)
	p.must(e.SelectAllText())
	p.must(e.Input(text))
}

// picks chooses from a list.
func (p *person) picks(id, value string) {
	p.t.Helper()
	p.must(p.see(id).Select([]string{`[value="` + value + `"]`}, true, rod.SelectorTypeCSSSector))
}

// choose gives a file input a file.
func (p *person) choose(id, path string) {
	p.t.Helper()
	p.must(p.see(id).SetFiles([]string{path}))
}

// maybe presses what may be there or not, or may just be going.
func (p *person) maybe(id string) bool {
	has, e, err := p.page.Has(`[data-testid="` + id + `"]`)
	return err == nil && has && e.Timeout(2*time.Second).Click("left", 1) == nil
}

func (p *person) press(keys ...input.Key) {
	p.t.Helper()
	p.must(p.page.Keyboard.Type(keys...))
}

// reads waits until the page shows the text.
func (p *person) reads(want string) {
	p.t.Helper()
	deadline := time.Now().Add(p.patience())
	for {
		if strings.Contains(p.text(), want) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s waits for %q; the page says:\n%s", p.name, want, p.text())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// attribute waits until the element has the value.
func (p *person) attribute(id, name, want string) *rod.Element {
	p.t.Helper()
	deadline := time.Now().Add(p.patience())
	last := ""
	for {
		e := p.see(id)
		if v, err := e.Attribute(name); err == nil && v != nil {
			if last = *v; last == want {
				return e
			}
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: %s of %s is %q, not %q; the page says:\n%s", p.name, name, id, last, want, p.text())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// gone waits until nothing has the test id.
func (p *person) gone(id string) {
	p.t.Helper()
	deadline := time.Now().Add(p.patience())
	for {
		has, _, err := p.page.Has(`[data-testid="` + id + `"]`)
		if err == nil && !has {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s still sees %s", p.name, id)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// pick presses the first element whose surroundings hold one of the texts.
func (p *person) pick(among rod.Elements, texts ...string) {
	p.t.Helper()
	var seen []string
	for _, want := range texts {
		seen = seen[:0]
		for _, e := range among {
			box := e // the radio button; its label holds the text and takes the click
			if labels, err := e.Parents("label"); err == nil && len(labels) > 0 {
				box = labels[0]
			}
			text, err := box.Text()
			p.must(err)
			seen = append(seen, text)
			if strings.Contains(text+"\n", want) {
				p.must(box.Timeout(5*time.Second).Click("left", 1))
				return
			}
		}
	}
	p.t.Fatalf("%s finds none of %q among %q", p.name, texts, seen)
}

func (p *person) dark(on bool) {
	scheme := "light"
	if on {
		scheme = "dark"
	}
	p.must(proto.EmulationSetEmulatedMedia{Features: []*proto.EmulationMediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}.Call(p.page))
}

// shot keeps a screenshot where CERTLINK_SCREENSHOTS says, for a person to look at.
func (p *person) shot(name string) {
	dir := os.Getenv("CERTLINK_SCREENSHOTS")
	if dir == "" {
		return
	}
	b, err := p.page.Timeout(20*time.Second).Screenshot(false, nil)
	if err == nil {
		err = errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644))
	}
	if err != nil {
		p.t.Logf("screenshot %s: %v", name, err)
	}
}

// film holds the phone's camera before the element until stopped: each
// screenshot of the portal's screen becomes what the camera sees.
func (p *person) film(c *camera, id string) (stop func()) {
	p.t.Helper()
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var seen []byte
		for {
			select {
			case <-quit:
				return
			default:
			}
			// The camera goes on showing what it was shown last.
			if shot, err := p.around(id); err == nil && !bytes.Equal(shot, seen) {
				c.showPNG(p.t, shot)
				seen = shot
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return func() {
		close(quit)
		<-done
		c.rest(p.t) // else the phone would find this code again next time
	}
}

// around takes the part of the screen that a phone held before it would see.
func (p *person) around(id string) ([]byte, error) {
	page := p.page.Timeout(10 * time.Second)
	e, err := page.Timeout(2 * time.Second).Element(`[data-testid="` + id + `"]`)
	if err != nil {
		return nil, err
	}
	shape, err := e.Shape()
	if err != nil {
		return nil, err
	}
	box := shape.Box()
	if box == nil {
		return nil, errors.New("the code is being redrawn")
	}
	// The box counts from the window's corner, the clip from the document's.
	at, err := proto.PageGetLayoutMetrics{}.Call(page)
	if err != nil {
		return nil, err
	}
	x, y := box.X+at.CSSVisualViewport.PageX, box.Y+at.CSSVisualViewport.PageY
	h := box.Height * 1.3
	w := h * cameraWidth / cameraHeight
	return page.Screenshot(false, &proto.PageCaptureScreenshot{
		Format: proto.PageCaptureScreenshotFormatPng,
		Clip:   &proto.PageViewport{X: max(0, x+box.Width/2-w/2), Y: max(0, y+box.Height/2-h/2), Width: w, Height: h, Scale: 1},
	})
}
