// Package sample is the issuer of demo mode: it makes a page that looks like an
// invoice, says that it is none, and carries a number that no tax authority gives.
package sample

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"

	"certlink/cashier/invoice"
)

// Issuer is an invoice.Issuer.
type Issuer struct{}

// Sandbox says that its invoices are samples.
func (Issuer) Sandbox() bool { return true }

// Issue makes the same sample for the same order each time.
func (Issuer) Issue(_ context.Context, r invoice.Request) (*invoice.Document, error) {
	// Twenty figures as those of a fully digital invoice; no region begins with 00.
	sum := sha256.Sum256([]byte(r.ID))
	number := fmt.Sprintf("00%018d", binary.BigEndian.Uint64(sum[:])%1e18)
	return &invoice.Document{Number: number, Name: "invoice-sample-" + number + ".pdf", File: pdf(page(r, number))}, nil
}

var china = time.FixedZone("CST", 8*3600)

// line is a text at a place on the page, in points from the lower left.
type line struct {
	x, y, size int
	text       string
	grey       bool
}

func page(r invoice.Request, number string) []line {
	out := []line{
		{40, 560, 44, "样张  SAMPLE  样张", true},
		{40, 300, 44, "不是发票  NOT AN INVOICE", true},
		{200, 520, 20, "电子增值税普通发票（样张）", false},
		{40, 490, 11, "本页由演示系统生成，不是发票，不能报销，没有法律效力。A demonstration made this page; it is no invoice.", false},
		{40, 460, 12, "发票号码：" + number, false}, {420, 460, 12, "开票日期：" + r.At.In(china).Format("2006年01月02日"), false},
		{40, 435, 12, "购买方名称：" + r.Title.Name, false},
		{40, 415, 12, "统一社会信用代码/纳税人识别号：" + r.Title.TaxNumber, false},
		{40, 395, 12, "订单编号：" + r.Order, false},
		{40, 360, 12, "项目名称", false}, {300, 360, 12, "单位", false}, {360, 360, 12, "数量", false}, {430, 360, 12, "单价", false}, {540, 360, 12, "金额", false},
	}
	y := 338
	for _, l := range r.Lines {
		name := l.Name
		if r.Content == invoice.Category {
			name = l.Category
		}
		out = append(out, line{40, y, 12, name, false}, line{300, y, 12, l.Unit, false}, line{360, y, 12, fmt.Sprint(l.Quantity), false},
			line{430, y, 12, yuan(l.UnitFen), false}, line{540, y, 12, yuan(l.AmountFen()), false})
		y -= 20
	}
	return append(out, line{430, y - 10, 13, "价税合计：" + yuan(r.AmountFen), false})
}

func yuan(fen int64) string { return fmt.Sprintf("¥%d.%02d", fen/100, fen%100) }

// pdf writes one page (ISO 32000-1) in a font that readers have of their own for
// Chinese, so that none has to be carried.
func pdf(lines []line) []byte {
	var text strings.Builder
	for _, l := range lines {
		grey := "0 g"
		if l.grey {
			grey = "0.85 g"
		}
		fmt.Fprintf(&text, "BT %s /F1 %d Tf %d %d Td <%s> Tj ET\n", grey, l.size, l.x, l.y, hexUTF16(l.text))
	}
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 680 620] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", text.Len(), text.String()),
		"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UTF16-H /DescendantFonts [6 0 R] >>",
		"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> /DW 1000 /W [1 [500] 814 939 500] /FontDescriptor 7 0 R >>",
		"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.5\n%\xe4\xb8\xad\xe6\x96\x87\n")
	places := make([]int, len(objects))
	for i, o := range objects {
		places[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, p := range places {
		fmt.Fprintf(&b, "%010d 00000 n \n", p)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, at)
	return b.Bytes()
}

func hexUTF16(s string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04X", u)
	}
	return b.String()
}
