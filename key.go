package main

import (
	"context"
	"fmt"
	"strings"
)

type keyCommand struct {
	Reseal resealCommand `cmd:"" help:"Seal with the first key of the key file whatever is sealed with another one. A running server does it by itself."`
}

type resealCommand struct{ offline }

// Run is certlink key reseal.
func (c *resealCommand) Run(ctx context.Context) error {
	p, err := c.accounts(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	n, err := p.Reseal(ctx)
	fmt.Printf("%d documents were sealed anew with %s.\n", n, p.Ring.Key())
	if err != nil {
		return err
	}
	if older := p.Ring.Older(); len(older) > 0 {
		fmt.Printf("Nothing is sealed with %s any more. Once every server has been started with this key file, take it out.\n", strings.Join(older, ", "))
	}
	return nil
}
