package phone

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Problem is a refusal of the server (RFC 9457). Its code is stable; its texts are for
// a person.
type Problem struct {
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Title     string `json:"title"`
	TitleZH   string `json:"title_zh"`
	TitleEN   string `json:"title_en"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`
	// Some refusals say more.
	TriesLeft *int   `json:"tries_left"`
	State     string `json:"state"`
	// bids_need_keys lists the bids, and gives the list's name to acknowledge it by.
	Bids        []OpenBid `json:"bids"`
	Acknowledge string    `json:"acknowledge"`
	// RetryAfter is how long the server asks to wait, with 429 and 503.
	RetryAfter time.Duration `json:"-"`
}

// OpenBid is a bid that is not opened yet.
type OpenBid struct {
	Tender  string    `json:"tender"`
	OpensAt time.Time `json:"opens_at"`
}

func (p *Problem) Error() string {
	text := p.TitleEN
	if text == "" {
		text = p.Title
	}
	if p.Detail != "" {
		text += " (" + p.Detail + ")"
	}
	return p.Code + ": " + text
}

// In is the text in one language: "zh-CN" or "en".
func (p *Problem) In(language string) string {
	switch {
	case language == "en" && p.TitleEN != "":
		return p.TitleEN
	case language != "en" && p.TitleZH != "":
		return p.TitleZH
	}
	return p.Title
}

// Code is the stable code of the refusal in err's chain, or "".
func Code(err error) string {
	var p *Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}

// problem reads the refusal in an answer. Something in the way (a proxy, an error page)
// answers otherwise than certlink does; that is said, not hidden.
func problem(a *Answer) error {
	p := &Problem{Status: a.Status}
	if err := json.Unmarshal(a.Body, p); err != nil || p.Code == "" {
		return &Problem{Status: a.Status, Code: "http_" + strconv.Itoa(a.Status), RetryAfter: retryAfter(a),
			Title:   fmt.Sprintf("服务器返回了无法识别的响应（状态码 %d）。", a.Status),
			TitleZH: fmt.Sprintf("服务器返回了无法识别的响应（状态码 %d）。", a.Status),
			TitleEN: fmt.Sprintf("The server's answer is not one of certlink (status %d). Something between may have answered in its place.", a.Status)}
	}
	p.Status, p.RetryAfter = a.Status, retryAfter(a)
	return p
}

func retryAfter(a *Answer) time.Duration {
	n, err := strconv.Atoi(a.RetryAfter)
	if err != nil || n < 0 || n > 86400 {
		return 0
	}
	return time.Duration(n) * time.Second
}
