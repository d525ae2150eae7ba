package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"certlink/account"
	"certlink/confirm"
	"certlink/internal/audit"
	"certlink/internal/clock"
	"certlink/internal/effect"
	"certlink/internal/id"
	"certlink/internal/lease"
	"certlink/internal/seal"
	"certlink/mobilecert"
	"certlink/push"
	"certlink/qr"
	"certlink/store"
	"certlink/store/sqlite"
	"certlink/trust"
)

// schema is every collection of the server: an engine is opened with all of them.
func schema() []store.Collection {
	return slices.Concat(account.Collections(), mobilecert.Collections(), confirm.Collections(), qr.Collections(),
		push.Collections(), audit.Collections(), lease.Collections())
}

// settled is a store whose documents owe nothing: what would follow from a million
// bindings (audit log, webhooks) has followed long ago in an installation that has
// them, and must not be carried out while the clock runs.
type settled struct{ store.Store }

func (s settled) Create(ctx context.Context, collection string, d store.Doc) error {
	if d.Index[effect.Index] != "" {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(d.Body, &m); err != nil {
			return err
		}
		delete(m, "pending")
		body, err := json.Marshal(m)
		if err != nil {
			return err
		}
		d.Body, d.Index[effect.Index] = body, ""
	}
	return s.Store.Create(ctx, collection, d)
}

// preload fills the server's data directory, before its start, with n accounts that
// have a binding each, in the organisation that the run's people belong to. They are
// written by the same code that binds, without HTTP, signatures and codes.
func preload(ctx context.Context, data string, w *world, n int) error {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	ring, err := seal.Load(filepath.Join(data, "secret.key"))
	if err != nil {
		return err
	}
	db, err := sqlite.Open(ctx, filepath.Join(data, "store"), schema())
	if err != nil {
		return err
	}
	defer db.Close()
	kept := settled{db}
	accounts, err := account.New(account.Config{Store: kept, Clock: clock.System, Seal: ring, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer accounts.Close()
	catalogue, err := mobilecert.LoadCatalogue(filepath.Join(w.dir, "catalogue.json"))
	if err != nil {
		return err
	}
	found := &known{}
	config := mobilecert.Config{Store: kept, Clock: clock.System, Seal: ring, Catalogue: catalogue, People: found, BindingsPerAccount: 1}
	bind := mobilecert.NewBind(config, mobilecert.NewBindings(config))

	// One key is enough: certificates differ by what is signed, not by the key in it.
	key, _, err := w.authority.leaf("预置")
	if err != nil {
		return err
	}
	by := account.System("bench")
	if _, _, err := accounts.UpsertAccount(ctx, by, account.Person{OrganisationCode: creditCode, OrganisationName: organisationName,
		Login: "preload-organisation", Name: "预置"}); err != nil {
		return err
	}
	var next atomic.Int64
	begun := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for range 64 { // so that many share a commit
		g.Go(func() error {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if i > 0 && i%100_000 == 0 {
					fmt.Fprintf(os.Stderr, "  preloaded %d of %d after %s\n", i, n, time.Since(begun).Round(time.Second))
				}
				name := fmt.Sprintf("预置%d", i)
				a, _, err := accounts.UpsertAccount(ctx, by, account.Person{OrganisationCode: creditCode, Login: fmt.Sprintf("preload-%d", i), Name: name})
				if err != nil {
					return err
				}
				der, err := w.authority.sign(name, int64(i)+1<<40, key.Public())
				if err != nil {
					return err
				}
				cert, err := trust.ParseCertificate(der)
				if err != nil {
					return err
				}
				party := confirm.Party{ID: a.ID, Name: a.Name, OrganisationID: a.OrganisationID, Organisation: organisationName}
				_, err = bind.Act(found.with(ctx, party), &confirm.Accepted{
					Statement: &confirm.Statement{Version: confirm.Version, ID: id.New(), Purpose: "bind", Actor: party,
						Details: map[string]string{"provider": provider, "medium": "mobile"}},
					Signer: confirm.Signer{Device: "preload", Certificate: cert,
						Identity: trust.Identity{PersonName: name, Organisation: creditCode, OrganisationName: organisationName}},
					At: time.Now().UTC(),
				})
				if err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

// known answers for the one person that a call is about.
type known struct{}

type personKey struct{}

func (*known) with(ctx context.Context, p confirm.Party) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

func (*known) Person(ctx context.Context, _ string) (*mobilecert.Person, error) {
	p := ctx.Value(personKey{}).(confirm.Party)
	return &mobilecert.Person{ID: p.ID, Name: p.Name, OrganisationID: p.OrganisationID, Organisation: p.Organisation, CreditCode: creditCode}, nil
}

// pagesEach is how many pages one admin reads.
const pagesEach = 80

// lists measures pages of twenty rows of the organisation's bindings, from its newest
// into its past, as an admin reads them.
func (p *people) lists(ctx context.Context, pages int) (*times, error) {
	k := p.workers[0]
	t := &times{}
	token := ""
	cursor := ""
	for i := range pages {
		// One account may make a hundred calls at once, then twenty a second.
		if i%pagesEach == 0 {
			var err error
			if token, err = p.w.token(fmt.Sprintf("list-admin-%d", i/pagesEach), "列表管理员", "admin"); err != nil {
				return nil, err
			}
			// Its account is made by its first call, which is not measured.
			a, err := k.page.do("GET", "/v1/session", nil, "Authorization", "Bearer "+token)
			if err != nil {
				return nil, err
			}
			if a.status != 200 {
				return nil, fmt.Errorf("making an admin: %s", refused(a))
			}
		}
		path := "/v1/bindings?scope=organisation&state=active&limit=20"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		begun := time.Now()
		a, err := k.page.do("GET", path, nil, "Authorization", "Bearer "+token)
		if err != nil {
			return nil, err
		}
		if a.status != 200 {
			return nil, fmt.Errorf("list: %s", refused(a))
		}
		t.add(time.Since(begun))
		var page struct {
			Items []json.RawMessage `json:"items"`
			Next  string            `json:"next"`
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			return nil, err
		}
		if cursor = page.Next; cursor == "" {
			break
		}
		if len(page.Items) != 20 {
			return nil, fmt.Errorf("a page holds %d rows", len(page.Items))
		}
	}
	return t, ctx.Err()
}
