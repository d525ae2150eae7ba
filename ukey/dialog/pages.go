package dialog

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// pages divides a text into pieces that a window takes whole, between lines where that
// can be. Nothing is cut off: what a person signs must have been before their eyes.
func pages(text string, most int, size func(string) int) []string {
	var out []string
	page := ""
	for line := range strings.Lines(text) {
		if size(page+line) > most && page != "" {
			out, page = append(out, page), ""
		}
		for size(line) > most {
			n := 0
			for n < len(line) {
				_, w := utf8.DecodeRuneInString(line[n:])
				if size(line[:n+w]) > most {
					break
				}
				n += w
			}
			out, line = append(out, line[:n]), line[n:]
		}
		page += line
	}
	return append(out, page)
}

// ahead shows all pages but the last, each with a yes of its own, and gives the
// question that is left to ask.
func ahead(ctx context.Context, q Question, most int, size func(string) int, confirm func(context.Context, Question) (bool, error)) (Question, error) {
	all := pages(q.Text, most, size)
	title := q.Title
	for i, page := range all {
		if len(all) > 1 {
			q.Title = fmt.Sprintf("%s (%d/%d)", title, i+1, len(all))
		}
		q.Text = strings.Trim(page, "\n")
		if i == len(all)-1 {
			break
		}
		yes, err := confirm(ctx, Question{Title: q.Title, Text: q.Text, Yes: q.More, No: q.No})
		if err == nil && !yes {
			err = ErrCancelled
		}
		if err != nil {
			return q, err
		}
	}
	return q, nil
}
