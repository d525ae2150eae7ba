package phone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif"  // pictures come in these forms
	_ "image/jpeg" // photographs
	_ "image/png"  // screenshots
	"io"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// ErrNoCode: no QR code could be read in a picture.
var ErrNoCode = errors.New("no QR code can be read in this picture")

// Bounds for pictures, which come from anywhere.
const (
	maxPictureBytes = 20 << 20
	maxPixels       = 64 << 20
)

// ScanPicture reads the code in a picture and scans it. Codes change each second, so
// only a picture taken just now is of use.
func (p *Phone) ScanPicture(ctx context.Context, picture image.Image) (*Session, error) {
	code, err := ReadCode(picture)
	if err != nil {
		return nil, err
	}
	return p.Scan(ctx, code)
}

// DecodePicture reads a PNG, JPEG or GIF of bounded size.
func DecodePicture(r io.Reader) (image.Image, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPictureBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxPictureBytes {
		return nil, fmt.Errorf("the picture has more than %d MiB", maxPictureBytes>>20)
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("the picture cannot be read: %w", err)
	}
	if c.Width <= 0 || c.Height <= 0 || c.Width > maxPixels/c.Height {
		return nil, errors.New("the picture has too many pixels")
	}
	picture, _, err := image.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("the picture cannot be read: %w", err)
	}
	return picture, nil
}

// ReadCode finds a QR code in a picture and reads its text: a code alone, a screenshot
// of a whole page with one somewhere in it, a photograph.
func ReadCode(picture image.Image) (string, error) {
	// Each way of looking fails on pictures that another one reads: how black is told
	// from white, and how large the code stands in the picture.
	for _, view := range []image.Image{picture, halved(picture)} {
		if view == nil {
			continue
		}
		source := gozxing.NewLuminanceSourceFromImage(view)
		for _, binarizer := range []gozxing.Binarizer{gozxing.NewHybridBinarizer(source), gozxing.NewGlobalHistgramBinarizer(source)} {
			for _, hints := range []map[gozxing.DecodeHintType]any{
				{gozxing.DecodeHintType_TRY_HARDER: true},
				{gozxing.DecodeHintType_TRY_HARDER: true, gozxing.DecodeHintType_PURE_BARCODE: true},
			} {
				if text, ok := readBitmap(binarizer, hints); ok {
					return text, nil
				}
			}
		}
	}
	return "", ErrNoCode
}

// readBitmap keeps a panic of the decoder, which reads pictures from anywhere, to the
// one picture.
func readBitmap(b gozxing.Binarizer, hints map[gozxing.DecodeHintType]any) (text string, ok bool) {
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	bitmap, err := gozxing.NewBinaryBitmap(b)
	if err != nil {
		return "", false
	}
	r, err := qrcode.NewQRCodeReader().Decode(bitmap, hints)
	if err != nil {
		return "", false
	}
	return r.GetText(), true
}

// halved is the picture at half its size, or nil where that would be too small to read.
// A large code in a sharp picture is easier to find so.
func halved(picture image.Image) image.Image {
	b := picture.Bounds()
	w, h := b.Dx()/2, b.Dy()/2
	if w < 64 || h < 64 {
		return nil
	}
	small := image.NewGray(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			var sum int
			for _, d := range [4][2]int{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
				sum += int(color.GrayModel.Convert(picture.At(b.Min.X+2*x+d[0], b.Min.Y+2*y+d[1])).(color.Gray).Y)
			}
			small.Pix[y*small.Stride+x] = uint8(sum / 4)
		}
	}
	return small
}
