package api

import (
	"time"

	"certlink/account"
	"certlink/push"
	"certlink/store"
)

// channelView is one way to a phone, as the phone sees it.
type channelView struct {
	Kind    string `json:"kind"`
	On      bool   `json:"on"`
	Retired bool   `json:"retired"` // register anew: the push service forgot the token
}

// channelsView are a phone's ways in their order, and those that it could register.
type channelsView struct {
	Offered []string      `json:"offered"`
	Items   []channelView `json:"items"`
}

func (s *Server) channelRoutes() {
	phone, signedIn := (*call).phone, (*call).signedIn
	s.add("GET", "/v1/phone/channels", phone, s.getChannels)
	s.add("PUT", "/v1/phone/channels", phone, s.putChannels)
	s.add("GET", "/v1/messages", signedIn, role(account.Operator), s.getMessages)
	s.add("POST", "/v1/messages/:id/resend", signedIn, role(account.Operator), s.postResend)
}

func (s *Server) getChannels(c *call) error {
	list, err := s.Phones.Channels(c.ctx, c.device)
	if err != nil {
		return err
	}
	v := channelsView{Offered: append([]string{}, s.Phones.Kinds()...), Items: []channelView{}}
	for _, ch := range list {
		v.Items = append(v.Items, channelView{ch.Kind, ch.On, ch.RetiredAt != nil})
	}
	return c.ok(v)
}

// putChannels takes all of a phone's channels at once, in order.
func (s *Server) putChannels(c *call) error {
	var list []*push.PhoneChannel
	err := c.read(object{{"channels", items(func(i int) (object, error) {
		if i >= 8 {
			return nil, ErrRequest.At("/channels", "最多 8 项", "at most 8")
		}
		ch := new(push.PhoneChannel)
		list = append(list, ch)
		return object{{"kind", &ch.Kind, true}, {"token", &ch.Token, false}, {"on", &ch.On, true}}, nil
	}), true}})
	if err != nil {
		return err
	}
	channels := make([]push.PhoneChannel, len(list))
	for i, ch := range list {
		channels[i] = *ch
	}
	if err := s.Phones.SetChannels(c.ctx, c.device, channels); err != nil {
		return err
	}
	return s.getChannels(c)
}

// noticeView is a line of the phone's inbox that asks for nothing.
type noticeView struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	At     string `json:"at"`
	TextZH string `json:"text_zh"`
	TextEN string `json:"text_en"`
}

// noticesMost is how many notices an inbox shows: those of the last month.
const noticesMost = 30

func (s *Server) noticesOf(c *call) ([]noticeView, error) {
	list, err := s.Outbox.Notices(c.ctx, c.device, noticesMost)
	out := []noticeView{}
	for _, m := range list {
		if s.Clock().Sub(m.At) > 30*24*time.Hour {
			break
		}
		text := push.Say(m.Data["key"])
		out = append(out, noticeView{m.ID, m.Data["key"], stamp(m.At), text.ZH, text.EN})
	}
	return out, err
}

// messageView is a message that could not be delivered, as operators see it: which
// way, when, why; not what was in it.
type messageView struct {
	ID      string `json:"id"`
	Channel string `json:"channel"`
	State   string `json:"state"`
	About   string `json:"about"` // the event, the key or the template
	At      string `json:"at"`
	Tries   int    `json:"tries"`
	Error   string `json:"error,omitempty"`
}

func showMessage(m *push.Message) messageView {
	if m.Work != nil {
		return messageView{m.ID, m.Channel, string(m.State), m.Work.Kind, stamp(m.At), m.Tries, m.Error}
	}
	about := m.Data["key"]
	for _, name := range []string{"template", "act"} {
		if about == "" {
			about = m.Data[name]
		}
	}
	return messageView{m.ID, m.Channel, string(m.State), about, stamp(m.At), m.Tries, m.Error}
}

// getMessages lists the dead letters, newest first.
func (s *Server) getMessages(c *call) error {
	after, limit, err := c.paging()
	if err != nil {
		return err
	}
	list, next, err := s.Outbox.DeadLetters(c.ctx, store.Cursor(after), limit)
	if err != nil {
		return err
	}
	out := page[messageView]{Items: []messageView{}, Next: string(next)}
	for _, m := range list {
		out.Items = append(out.Items, showMessage(m))
	}
	return c.ok(out)
}

// postResend puts a dead letter back into the outbox.
func (s *Server) postResend(c *call) error {
	id, err := c.id("id", push.ErrMessageUnknown)
	if err != nil {
		return err
	}
	if err := c.read(object{}); err != nil {
		return err
	}
	m, err := s.Outbox.Resend(c.ctx, id)
	if err != nil {
		return err
	}
	return c.ok(showMessage(m))
}
