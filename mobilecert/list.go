package mobilecert

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"certlink/store"
)

// ListQuery asks for a page of bindings, newest first.
type ListQuery struct {
	// Organisation lists those of the whole organisation, for its admin;
	// otherwise one's own account's.
	Organisation bool
	// Past includes the ones that have ended.
	Past bool
	// Q keeps those whose provider, holder or account contains it, or whose
	// serial number ends with it.
	Q     string
	After store.Cursor
	Limit int // 1 to 100, 0 means 20
}

const (
	listLimit    = 20
	listLimitMax = 100
	// listScan bounds what one call looks at: a search that finds little comes
	// back with few or no items, and a cursor to go on with.
	listScan = 2000
)

// List reads one page and the cursor of the next, "" after the last.
func (v *Bindings) List(ctx context.Context, by Who, q ListQuery) ([]*Binding, store.Cursor, error) {
	if q.Organisation && (!by.Admin || by.Organisation == "") {
		return nil, "", ErrNotYourAccount
	}
	after, err := readPlace(q.After)
	if err != nil {
		return nil, "", err
	}
	limit := min(q.Limit, listLimitMax)
	if limit <= 0 {
		limit = listLimit
	}
	sources := v.accountSources(by.Account)
	if q.Organisation {
		sources = v.organisationSources(by.Organisation)
	}
	if !q.Past {
		sources = sources[:1]
	}
	page := limit + 1
	words := strings.ToLower(strings.TrimSpace(q.Q))
	if words != "" {
		page = 200
	}
	for _, s := range sources {
		s.below, s.page = after, page
	}
	var out []*Binding
	last := ""
	for seen := 0; len(out) < limit && seen < listScan; seen++ {
		b, err := newest(ctx, sources)
		if err != nil || b == nil {
			return out, "", err
		}
		last = b.place()
		if b.matches(words) {
			out = append(out, b)
		}
	}
	more, err := peek(ctx, sources)
	if err != nil || more == nil {
		return out, "", err
	}
	return out, store.Cursor(base64.RawURLEncoding.EncodeToString([]byte(last))), nil
}

// readPlace reads a cursor: the place of the last binding that was looked at.
func readPlace(c store.Cursor) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(string(c))
	if err != nil || len(b) > 100 || slices.ContainsFunc(b, func(x byte) bool { return x <= ' ' || x > '~' }) {
		return "", store.ErrCursor
	}
	return string(b), nil
}

// source reads one half of a list, a page at a time, newest first.
type source struct {
	read  func(ctx context.Context, below string, n int) ([]*Binding, error)
	below string // read on from here
	page  int
	held  []*Binding
	ended bool
}

func (s *source) head(ctx context.Context) (*Binding, error) {
	if len(s.held) == 0 && !s.ended {
		list, err := s.read(ctx, s.below, s.page)
		if err != nil {
			return nil, err
		}
		s.held, s.ended = list, len(list) < s.page
		if len(list) > 0 {
			s.below = list[len(list)-1].place()
		}
	}
	if len(s.held) == 0 {
		return nil, nil
	}
	return s.held[0], nil
}

// peek is the newest of what the sources have, nil when all have ended.
func peek(ctx context.Context, sources []*source) (*source, error) {
	var best *source
	for _, s := range sources {
		b, err := s.head(ctx)
		if err != nil {
			return nil, err
		}
		if b != nil && (best == nil || b.place() > best.held[0].place()) {
			best = s
		}
	}
	return best, nil
}

// newest takes what peek finds.
func newest(ctx context.Context, sources []*source) (*Binding, error) {
	s, err := peek(ctx, sources)
	if err != nil || s == nil {
		return nil, err
	}
	b := s.held[0]
	s.held = s.held[1:]
	return b, nil
}

// indexed reads a source out of an index whose values are head, then the place.
func (v *Bindings) indexed(index string, head ...string) *source {
	return &source{read: func(ctx context.Context, below string, n int) ([]*Binding, error) {
		q := store.Query{Index: index, Prefix: store.KeyPrefix(head...), Desc: true, Limit: n}
		if below != "" {
			q.Below = store.KeyPrefix(head...) + below
		}
		list, _, err := v.docs.Query(ctx, q)
		return list, err
	}}
}

// The active half comes first: it is the list where the past is not asked for.
func (v *Bindings) organisationSources(organisation string) []*source {
	return []*source{v.indexed("organisation", organisation, listActive), v.indexed("organisation", organisation, listPast)}
}

func (v *Bindings) accountSources(account string) []*source {
	return []*source{
		{read: func(ctx context.Context, below string, n int) ([]*Binding, error) {
			list, err := v.Active(ctx, account)
			list = slices.DeleteFunc(list, func(b *Binding) bool { return below != "" && b.place() >= below })
			slices.SortFunc(list, func(a, b *Binding) int { return strings.Compare(b.place(), a.place()) })
			return list[:min(n, len(list))], err
		}},
		v.indexed("past", account),
	}
}

// matches compares with what a person sees of the binding in the list.
func (b *Binding) matches(words string) bool {
	if words == "" {
		return true
	}
	for _, s := range []string{
		b.Provider, b.ProviderName.ZH, b.ProviderName.EN, b.Certificate.HolderName, b.Certificate.OrganisationName,
		b.Account.Name, b.Account.Login,
	} {
		if strings.Contains(strings.ToLower(s), words) {
			return true
		}
	}
	return strings.HasSuffix(b.Certificate.Serial, words)
}
