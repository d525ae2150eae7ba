package mobilecert

import (
	"slices"

	"certlink/account"
)

// A phone is nobody's: the certificates on it are. Who may take one out of use, and whom
// that concerns, follows from what it holds.

// MayManage says why they may not look after an account's phones: its own, those of the
// organisation for its admin, all for an operator.
func (w Who) MayManage(account, organisation string) error {
	if w.Operator {
		return nil
	}
	return w.may(account, organisation)
}

// MayLose says whether what a phone holds is theirs to give up.
func (w Who) MayLose(h Held) bool {
	owner, _, organisation := h.Owner()
	return w.MayManage(owner, organisation) == nil
}

// MayTake says why who may not take a phone out of use. An operator may take any;
// whoever may give up all that it holds may take it too. One that holds nothing of
// theirs is unknown to them.
func (w Who) MayTake(held []Held) error {
	others := slices.DeleteFunc(slices.Clone(held), w.MayLose)
	switch {
	case w.Operator, len(held) > 0 && len(others) == 0:
		return nil
	case len(others) == len(held):
		return account.ErrDeviceUnknown
	}
	return account.ErrDeviceShared
}

// Holders are the accounts whose certificates a phone holds, each once.
func Holders(held []Held) (accounts []string) {
	for _, h := range held {
		if owner, _, _ := h.Owner(); !slices.Contains(accounts, owner) {
			accounts = append(accounts, owner)
		}
	}
	return accounts
}
