package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"certlink/internal/effect"
	"certlink/internal/seal"
	"certlink/store"
)

func accountRecord(s store.Store) store.Record[stored] {
	return store.Record[stored]{Store: s, Collection: accounts, Memo: store.NewMemo(memoBytes, (*stored).clone),
		ID: func(a *stored) string { return a.ID },
		Index: func(a *stored) map[string]string {
			ix := map[string]string{
				"name":       store.Key(a.OrganisationID, searchName(a.Name)),
				effect.Index: a.Place(),
				// Every login is unique, those with a slash by what they are made of.
				"login":         a.Login,
				seal.StaleIndex: accountPlaces.Keys(a),
			}
			if a.ExternalID != "" {
				ix["external"] = externalKey(a.Issuer, a.OrganisationID, a.ExternalID)
			}
			return ix
		}}
}

// externalKey: an issuer's subject is one person wherever; an organisation's own
// number means something within that organisation only.
func externalKey(issuer, orgID, externalID string) string {
	if issuer != "" {
		return store.Key("issuer", issuer, externalID)
	}
	return store.Key("organisation", orgID, externalID)
}

// The purpose holds the account's id, so that a sealed number moved to another
// account's document does not open there.
func (s *Service) sealIDNumber(a *stored, number string) {
	a.SealedIDNumber, a.IDNumber = "", number
	if number != "" {
		a.SealedIDNumber = s.seal.Seal(idNumberField.Of(a.ID), []byte(number))
	}
}

func (s *Service) openIDNumber(a *stored) (string, error) {
	if a.SealedIDNumber == "" {
		return "", nil
	}
	plain, err := s.seal.Open(idNumberField.Of(a.ID), a.SealedIDNumber)
	if err != nil {
		return "", fmt.Errorf("account: the ID number of %s: %w", a.ID, err)
	}
	return string(plain), nil
}

// opened is the account as others see it. What was read is the reader's own, and so no
// copy is made.
func (s *Service) opened(a *stored) (*Account, error) {
	var err error
	out := &a.Account
	out.IDNumber, err = s.openIDNumber(a)
	out.HasPassword, out.TOTP = a.Password != "", a.Second.Enabled()
	return out, err
}

func (s *Service) openedAll(in []*stored) ([]*Account, error) {
	out := make([]*Account, len(in))
	for i, a := range in {
		var err error
		if out[i], err = s.opened(a); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (s *Service) read(ctx context.Context, accountID string) (*stored, error) {
	a, _, err := s.accounts.Get(ctx, accountID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	return a, err
}

// update changes one account; change may be called several times.
func (s *Service) update(ctx context.Context, accountID string, change func(*stored) error) (*Account, error) {
	a, err := s.accounts.Update(ctx, accountID, change)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return s.opened(a)
}

// Get reads an account for our own use; it asks for no right.
func (s *Service) Get(ctx context.Context, accountID string) (*Account, error) {
	a, err := s.read(ctx, accountID)
	if err != nil {
		return nil, err
	}
	return s.opened(a)
}

// SetLetters says how the account wants to be written to.
func (s *Service) SetLetters(ctx context.Context, by *Principal, l Letters) (*Account, error) {
	if by == nil || by.Account == nil {
		return nil, ErrSignInRequired
	}
	if l.Language != "" && l.Language != "zh-CN" && l.Language != "en" {
		return nil, ErrInput.At("/language", "可选：zh-CN, en，或留空表示两种语言", "must be zh-CN, en, or empty for both")
	}
	a, err := s.accounts.Update(ctx, by.Account.ID, func(a *stored) error {
		if a.Letters == l {
			return store.ErrUnchanged
		}
		a.Letters = l
		a.happened(s.now(), by, "account.letters", "", nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.opened(a)
}

// GetAccount reads an account for by; one that by may not see does not exist.
func (s *Service) GetAccount(ctx context.Context, by *Principal, accountID string) (*Account, error) {
	a, err := s.Get(ctx, accountID)
	if err == nil && !by.MaySee(a) {
		return nil, ErrUnknown
	}
	return a, err
}

// History reads what happened to an account, newest last; older lines are in
// the audit log.
func (s *Service) History(ctx context.Context, by *Principal, accountID string) ([]Event, error) {
	a, err := s.read(ctx, accountID)
	if err != nil {
		return nil, err
	}
	if !by.MaySee(&a.Account) {
		return nil, ErrUnknown
	}
	return a.History, nil
}

// Standing says why the account may not act now, or nil. It is asked at every
// confirmation, so it is one read and opens nothing.
func (s *Service) Standing(ctx context.Context, accountID string) error {
	a, err := s.read(ctx, accountID)
	if err != nil {
		return err
	}
	return s.standing(a.State, a.Demo)
}

func (s *Service) standing(state State, demo bool) error {
	switch {
	case demo && !s.demo:
		return ErrDemoAccount
	case state == Active:
		return nil
	case state == Locked:
		return ErrLocked
	}
	return ErrClosed
}

// maxCandidates bounds how many people of one name are shown.
const maxCandidates = 50

// FindByName lists whom an admin can mean by a name or its beginning: names
// collide, so the person chooses by login and masked mobile number. Closed
// accounts are left out.
func (s *Service) FindByName(ctx context.Context, orgID, name string) ([]*Account, error) {
	name, ok := cleanText(name, maxPersonName)
	if !ok || name == "" {
		return nil, nil
	}
	found, _, err := s.accounts.Query(ctx, store.Query{Index: "name", Prefix: store.Key(orgID, searchName(name)), Limit: maxCandidates})
	if err != nil {
		return nil, err
	}
	open := found[:0]
	for _, a := range found {
		if a.State != Closed {
			open = append(open, a)
		}
	}
	// Of one name by login, so that the list looks the same each time.
	slices.SortFunc(open, func(a, b *stored) int {
		return cmp.Or(strings.Compare(searchName(a.Name), searchName(b.Name)), strings.Compare(a.Login, b.Login))
	})
	return s.openedAll(open)
}

// ListAccounts walks an organisation's accounts by name, closed ones included.
func (s *Service) ListAccounts(ctx context.Context, orgID string, after store.Cursor, limit int) ([]*Account, store.Cursor, error) {
	return s.SearchAccounts(ctx, orgID, "", after, limit)
}

// SearchAccounts is ListAccounts for names that begin with prefix.
func (s *Service) SearchAccounts(ctx context.Context, orgID, prefix string, after store.Cursor, limit int) ([]*Account, store.Cursor, error) {
	prefix, ok := cleanText(prefix, maxPersonName)
	if !ok || orgID == "" || strings.Contains(orgID, "\x1f") {
		return nil, "", nil
	}
	found, next, err := s.accounts.Query(ctx, store.Query{Index: "name", Prefix: store.Key(orgID, searchName(prefix)), After: after, Limit: limit})
	if err != nil {
		return nil, "", err
	}
	out, err := s.openedAll(found)
	return out, next, err
}

// ByLogin finds the account that signs in with this name, for the command line.
func (s *Service) ByLogin(ctx context.Context, login string) (*Account, error) {
	a, err := s.byLogin(ctx, login)
	if err != nil {
		return nil, err
	}
	if a.ID == "" {
		return nil, ErrUnknown
	}
	return s.opened(a)
}
