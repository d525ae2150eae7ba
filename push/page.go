package push

import (
	"bytes"
	_ "embed"
	"html/template"
	"regexp"
	"strings"
)

// Words are what a letter says, in one language.
type Words struct {
	Subject string
	Lead    string
	Lines   []string // further ones, each a paragraph
	Action  string   // on the link
	Foot    string
}

// Page is a letter before it is set: the same words as plain text and as HTML. With
// both languages there, both are said, Chinese first.
type Page struct {
	ZH, EN *Words
	URL    string // where the action leads
}

//go:embed page.html
var pageHTML string

var pageTemplate = template.Must(template.New("letter").Funcs(template.FuncMap{"whole": whole}).Parse(pageHTML))

// run is a part of a line; a whole one is not broken.
type run struct {
	Text  string
	Whole bool
}

// numbers are dates and telephone numbers, which a line would break at their hyphens.
var numbers = regexp.MustCompile(`\d+(-\d+)+`)

func whole(line string) (runs []run) {
	at := 0
	for _, n := range numbers.FindAllStringIndex(line, -1) {
		runs = append(runs, run{line[at:n[0]], false}, run{line[n[0]:n[1]], true})
		at = n[1]
	}
	return append(runs, run{line[at:], false})
}

// Mail sets the page for one address.
func (p *Page) Mail(to string) (*Mail, error) {
	type part struct {
		*Words
		Lang, URL string
	}
	var parts []part
	for _, x := range []part{{p.ZH, "zh-CN", p.URL}, {p.EN, "en", p.URL}} {
		if x.Words != nil {
			parts = append(parts, x)
		}
	}
	var html bytes.Buffer
	if err := pageTemplate.Execute(&html, parts); err != nil {
		return nil, err
	}
	var texts []string
	for _, x := range parts {
		lines := append([]string{x.Lead}, x.Lines...)
		texts = append(texts, strings.Join(append(lines, x.Action+"\n"+x.URL, x.Foot), "\n\n"))
	}
	return &Mail{To: to, Subject: parts[0].Subject, Text: strings.Join(texts, "\n\n––––––––\n\n") + "\n", HTML: html.String()}, nil
}
