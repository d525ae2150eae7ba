package main

import (
	"context"
	"errors"
	"fmt"

	"certlink/mobilecert"
)

type certificateCommand struct {
	Revoke certificateRevoke `cmd:"" help:"Revoke a certificate for good. It counts at once."`
}

type certificateRevoke struct {
	offline
	ID     string `xor:"which" help:"Its id, as the API names it."`
	Serial string `xor:"which" help:"Its serial number, in hex."`
	Reason string `default:"unspecified" enum:"unspecified,key_compromise,affiliation_changed,superseded,cessation_of_operation,privilege_withdrawn" help:"unspecified, key_compromise, affiliation_changed, superseded, cessation_of_operation or privilege_withdrawn."`
}

// Run is certlink certificate revoke.
func (c *certificateRevoke) Run(ctx context.Context) error {
	if (c.ID == "") == (c.Serial == "") {
		return errors.New("say which certificate: --id or --serial")
	}
	p, err := c.accounts(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	certificates := mobilecert.NewCertificates(mobilecert.Config{Store: p.Store, Clock: p.Clock})
	id := c.ID
	if id == "" {
		found, err := certificates.BySerial(ctx, c.Serial)
		if err != nil {
			return err
		}
		id = found.ID
	}
	done, err := certificates.Revoke(ctx, id, mobilecert.Actor{ID: "system", Name: "command line"}, mobilecert.Reason(c.Reason))
	if err != nil {
		return err
	}
	fmt.Printf("revoked the certificate of %s, serial number %s, issued for %s (%s)\n", done.Subject.CommonName, done.Serial, done.Account.Name, c.Reason)
	return nil
}
