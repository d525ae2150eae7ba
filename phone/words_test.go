package phone

import "testing"

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"王敏 Wang":       "王敏 Wang",
		"a\u202eb":      "a⟨U+202E⟩b",
		"\x1b[2J":       "⟨U+001B⟩[2J",
		"a\u200bb":      "a⟨U+200B⟩b",
		"a\u00a0b":      "a⟨U+00A0⟩b",
		"\u3164":        "⟨U+3164⟩",
		"x\ufe0f":       "x⟨U+FE0F⟩",
		"line\nfeed\t.": "line⟨U+000A⟩feed⟨U+0009⟩.",
		"😀":             "😀",
	} {
		if got := Visible(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}

func TestEveryFieldIsShown(t *testing.T) {
	s := newServer(t)
	p := newPhone(t, s)
	n, err := p.Scan(t.Context(), s.bind(map[string]any{"surprise": map[string]any{"new\u202efield": "value"}}))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range n.Statement.Fields() {
		if f.Value == "value" {
			found = true
			if f.Label("en") != "surprise.new⟨U+202E⟩field" {
				t.Errorf("label %q", f.Label("en"))
			}
		}
		if f.Label("zh-CN") == "" || f.Label("en") == "" {
			t.Errorf("%s has no label", f.Path)
		}
	}
	if !found {
		t.Error("an unknown field is hidden")
	}
	if Headline("bind", "en") == Headline("bind", "zh-CN") || Headline("x\x1b", "en") != "x⟨U+001B⟩" {
		t.Error("headlines")
	}
}
