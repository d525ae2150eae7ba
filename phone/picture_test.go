package phone

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/skip2/go-qrcode"
)

// link is as long as the longest code there can be.
var link = "https://certlink.platform.example.cn/q/b" + strings.Repeat("Qr7_-", 5)[:22] + ".59." + strings.Repeat("mAc-_", 5)[:22]

func code(t testing.TB, size int) image.Image {
	t.Helper()
	q, err := qrcode.New(link, qrcode.Low)
	if err != nil {
		t.Fatal(err)
	}
	return q.Image(size)
}

func TestReadCodeFromStills(t *testing.T) {
	for _, size := range []int{120, 160, 240, 300, 301, 333, 600, 1200} {
		got, err := ReadCode(code(t, size))
		if err != nil || got != link {
			t.Errorf("%d pixels: %q, %v", size, got, err)
		}
	}
}

// page draws a code into something like a screenshot: text in lines, a dark menu.
func page(t testing.TB, w, h, size int, at image.Point, back color.Color) *image.RGBA {
	t.Helper()
	p := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(p, p.Bounds(), image.NewUniform(back), image.Point{}, draw.Src)
	draw.Draw(p, image.Rect(0, 0, w/6, h), image.NewUniform(color.RGBA{20, 40, 90, 255}), image.Point{}, draw.Src)
	r := rand.New(rand.NewPCG(1, 2))
	for y := 20; y < h-20; y += 22 {
		for x := w/6 + 20; x < w-20; x += 4 + r.IntN(8) {
			draw.Draw(p, image.Rect(x, y, x+2, y+4+r.IntN(10)), image.NewUniform(color.Gray{90}), image.Point{}, draw.Src)
		}
	}
	box := image.Rect(0, 0, size, size).Add(at)
	draw.Draw(p, box.Inset(-16), image.White, image.Point{}, draw.Src)
	draw.Draw(p, box, code(t, size), image.Point{}, draw.Src)
	return p
}

func TestReadCodeFromScreenshots(t *testing.T) {
	for name, picture := range map[string]image.Image{
		"1280 light":         page(t, 1280, 800, 280, image.Pt(600, 260), color.White),
		"1280 dark":          page(t, 1280, 800, 280, image.Pt(600, 260), color.Gray{24}),
		"1920 small code":    page(t, 1920, 1080, 240, image.Pt(1500, 700), color.White),
		"360 phone":          page(t, 360, 640, 260, image.Pt(50, 120), color.White),
		"dense 2560 display": page(t, 2560, 1600, 560, image.Pt(1100, 500), color.White),
	} {
		got, err := ReadCode(picture)
		if err != nil || got != link {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// A photograph: turned, unevenly lit, noisy, and pressed as JPEG.
func TestReadCodeFromPhotographs(t *testing.T) {
	flat := page(t, 1000, 800, 400, image.Pt(320, 200), color.White)
	for _, angle := range []float64{0, 4, 12, 90, 180, 200} {
		photo := photograph(flat, angle*math.Pi/180)
		var b bytes.Buffer
		if err := jpeg.Encode(&b, photo, &jpeg.Options{Quality: 70}); err != nil {
			t.Fatal(err)
		}
		picture, err := DecodePicture(&b)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ReadCode(picture); err != nil || got != link {
			t.Errorf("turned by %v°: %q, %v", angle, got, err)
		}
	}
}

func photograph(in *image.RGBA, angle float64) image.Image {
	r := rand.New(rand.NewPCG(3, 4))
	b := in.Bounds()
	out := image.NewGray(image.Rect(0, 0, 1100, 1100))
	sin, cos := math.Sincos(angle)
	for y := range 1100 {
		for x := range 1100 {
			dx, dy := float64(x-550), float64(y-550)
			sx, sy := int(cos*dx+sin*dy)+b.Dx()/2, int(-sin*dx+cos*dy)+b.Dy()/2
			v := 140.0
			if image.Pt(sx, sy).In(b) {
				v = float64(color.GrayModel.Convert(in.At(sx, sy)).(color.Gray).Y)
			}
			light := 0.55 + 0.4*float64(x+y)/2200
			v = v*light + 20 + float64(r.IntN(25))
			out.SetGray(x, y, color.Gray{uint8(min(v, 255))})
		}
	}
	return out
}

func TestScanPicture(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	q, err := qrcode.New(s.bind(nil), qrcode.Low)
	if err != nil {
		t.Fatal(err)
	}
	n, err := p.ScanPicture(t.Context(), q.Image(300))
	if err != nil || n.Purpose != "bind" {
		t.Fatalf("%+v, %v", n, err)
	}
}

func TestPicturesWithoutACode(t *testing.T) {
	noise := image.NewGray(image.Rect(0, 0, 400, 300))
	r := rand.New(rand.NewPCG(5, 6))
	for i := range noise.Pix {
		noise.Pix[i] = uint8(r.IntN(256))
	}
	for name, picture := range map[string]image.Image{"white": image.NewGray(image.Rect(0, 0, 200, 200)), "noise": noise,
		"tiny": image.NewGray(image.Rect(0, 0, 1, 1))} {
		if text, err := ReadCode(picture); !errors.Is(err, ErrNoCode) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	if _, err := DecodePicture(strings.NewReader("no picture")); err == nil {
		t.Error("a text was read as a picture")
	}
	if _, err := DecodePicture(io.MultiReader(strings.NewReader("x"), endless{})); err == nil {
		t.Error("an endless picture was read")
	}
	// A few bytes that claim to be 60000 pixels wide and high.
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	bomb := b.Bytes()
	copy(bomb[16:24], []byte{0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60})
	binary.BigEndian.PutUint32(bomb[29:33], crc32.ChecksumIEEE(bomb[12:29]))
	if _, err := DecodePicture(bytes.NewReader(bomb)); err == nil || !strings.Contains(err.Error(), "too many pixels") {
		t.Errorf("a picture of 60000 by 60000: %v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func FuzzReadCode(f *testing.F) {
	var b bytes.Buffer
	if err := png.Encode(&b, code(f, 120)); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if c, _, err := image.DecodeConfig(bytes.NewReader(raw)); err != nil || c.Width > 300 || c.Height > 300 {
			return
		}
		picture, err := DecodePicture(bytes.NewReader(raw))
		if err != nil {
			return
		}
		_, _ = ReadCode(picture) // must not panic or hang
	})
}
