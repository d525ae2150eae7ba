package browser

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/image/draw"
)

// camera is the phone's fake camera: a y4m file that Chromium plays in a loop
// and that is overwritten in place while it runs.
type camera struct {
	path string
	mu   sync.Mutex
	file *os.File
}

const (
	cameraWidth, cameraHeight = 640, 480
	cameraFrames              = 2
	cameraHeader              = "YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n"
	frameHeader               = "FRAME\n"
	frameSize                 = cameraWidth * cameraHeight * 3 / 2
)

func newCamera(t *testing.T) *camera {
	c := &camera{path: filepath.Join(t.TempDir(), "camera.y4m")}
	f, err := os.Create(c.path)
	if err != nil {
		t.Fatal(err)
	}
	c.file = f
	t.Cleanup(func() { f.Close() })
	c.rest(t)
	return c
}

// rest puts nothing before the camera.
func (c *camera) rest(t *testing.T) { c.show(t, image.NewUniform(color.Gray{128})) }

// show puts an image before the camera.
func (c *camera) show(t *testing.T, img image.Image) {
	t.Helper()
	view := image.NewYCbCr(image.Rect(0, 0, cameraWidth, cameraHeight), image.YCbCrSubsampleRatio420)
	rgba := image.NewRGBA(view.Rect)
	if b := img.Bounds(); b.Dx() < 1<<20 {
		draw.ApproxBiLinear.Scale(rgba, rgba.Rect, img, b, draw.Src, nil)
	} else {
		draw.Draw(rgba, rgba.Rect, img, image.Point{}, draw.Src)
	}
	for y := range cameraHeight {
		for x := range cameraWidth {
			p := rgba.RGBAAt(x, y)
			yy, cb, cr := color.RGBToYCbCr(p.R, p.G, p.B)
			view.Y[y*view.YStride+x] = yy
			view.Cb[y/2*view.CStride+x/2] = cb
			view.Cr[y/2*view.CStride+x/2] = cr
		}
	}
	var out bytes.Buffer
	out.WriteString(cameraHeader)
	for range cameraFrames {
		out.WriteString(frameHeader)
		out.Write(view.Y)
		out.Write(view.Cb)
		out.Write(view.Cr)
	}
	if out.Len() != len(cameraHeader)+cameraFrames*(len(frameHeader)+frameSize) {
		t.Fatalf("a picture of %d bytes", out.Len())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := c.file.WriteAt(out.Bytes(), 0); err != nil {
		t.Error(err)
	}
}

// showPNG puts a screenshot before the camera, cut to the camera's shape.
func (c *camera) showPNG(t *testing.T, shot []byte) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Error(err)
		return
	}
	c.show(t, img)
}

func (c *camera) flags() map[string]string {
	return map[string]string{
		"use-fake-device-for-media-stream": "",
		"use-fake-ui-for-media-stream":     "",
		"use-file-for-fake-video-capture":  c.path,
	}
}
