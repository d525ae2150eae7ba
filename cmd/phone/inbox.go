package main

import (
	"context"

	"certlink/phone"
)

type inboxCmd struct{}

// Run shows what the server asks of this phone, and keeps it for confirm, reject and
// not-me.
func (*inboxCmd) Run(ctx context.Context, c *cli) error {
	p, err := c.phone()
	if err != nil {
		return err
	}
	list, err := p.Inbox(ctx)
	if err != nil {
		return err
	}
	for _, n := range list {
		if err := p.Keep(n); err != nil {
			return err
		}
		if err := c.makeKey(ctx, p, n); err != nil {
			return err
		}
		c.show(n)
	}
	if len(list) == 0 {
		c.say("%s", word(c, "没有待确认的请求。", "Nothing waits for this phone."))
	}
	return nil
}

// makeKey hands in the new key that a statement waits for.
func (c *cli) makeKey(ctx context.Context, p *phone.Phone, n *phone.Session) error {
	if n.KeyRequest == nil || n.Statement != nil {
		return nil
	}
	if err := c.unlock(ctx, p); err != nil {
		return err
	}
	_, err := p.MakeKey(ctx, n)
	return err
}
