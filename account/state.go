package account

import (
	"context"
	"slices"

	"certlink/internal/effect"
	"certlink/store"
)

// Lock stops the account from acting and ends its sessions at once, since every
// session and every confirmation reads the account. The reason is kept in the
// history. Repeating it changes nothing.
func (s *Service) Lock(ctx context.Context, by *Principal, accountID, reason string) (*Account, error) {
	return s.turn(ctx, by, accountID, Locked, "account.locked", reason, Active)
}

// Unlock lets a locked account act again. It signs in anew.
func (s *Service) Unlock(ctx context.Context, by *Principal, accountID, reason string) (*Account, error) {
	return s.turn(ctx, by, accountID, Active, "account.unlocked", reason, Locked)
}

// CloseAccount ends the account for good; its login stays taken until Erase.
func (s *Service) CloseAccount(ctx context.Context, by *Principal, accountID, reason string) (*Account, error) {
	return s.turn(ctx, by, accountID, Closed, "account.closed", reason, Active, Locked)
}

func (s *Service) turn(ctx context.Context, by *Principal, accountID string, to State, act, reason string, from ...State) (*Account, error) {
	return s.update(ctx, accountID, func(a *stored) error {
		if err := by.mayManage(&a.Account); err != nil {
			return err
		}
		if a.State == to {
			return store.ErrUnchanged
		}
		if !slices.Contains(from, a.State) {
			return ErrStateWrong.With("state", a.State)
		}
		a.State = to
		a.Epoch++
		now := s.now()
		a.happened(now, by, act, note(reason, maxNote), nil)
		a.Owe(effect.New(effect.Webhook, now, map[string]string{"act": act, "object": "account", "id": a.ID, "organisation": a.OrganisationID}))
		return nil
	})
}

// SetRoles replaces the roles.
func (s *Service) SetRoles(ctx context.Context, by *Principal, accountID string, roles []Role) (*Account, error) {
	for _, r := range roles {
		if !slices.Contains(Roles, r) {
			return nil, ErrRoleUnknown
		}
	}
	if len(roles) == 0 {
		return nil, ErrRoleUnknown
	}
	roles = slices.Clone(roles)
	slices.Sort(roles)
	roles = slices.Compact(roles)
	return s.update(ctx, accountID, func(a *stored) error {
		if err := by.mayManage(&a.Account); err != nil {
			return err
		}
		if a.State == Closed {
			return ErrClosed
		}
		changed, err := s.apply(a, by, Person{Roles: roles})
		if err == nil && !changed {
			return store.ErrUnchanged
		}
		return err
	})
}

// erasedName stands where a name was.
const erasedName = "已注销"

// Erase removes the personal fields of a closed account, after the retention
// time or on the person's demand. The record of acts stays, under the id.
func (s *Service) Erase(ctx context.Context, by *Principal, accountID string) (*Account, error) {
	if err := by.Require(Operator); err != nil {
		return nil, err
	}
	return s.update(ctx, accountID, func(a *stored) error {
		if a.State != Closed {
			return ErrStateWrong.With("state", a.State)
		}
		if a.Name == erasedName && a.Login == "erased/"+a.ID {
			return store.ErrUnchanged
		}
		a.Name, a.Login, a.ExternalID, a.Issuer = erasedName, "erased/"+a.ID, "", ""
		a.Email, a.Mobile, a.Password, a.Second = "", "", "", totpState{}
		s.sealIDNumber(a, "")
		for i := range a.History {
			a.History[i].Note = ""
		}
		a.happened(s.now(), by, "account.erased", "", nil)
		return nil
	})
}
