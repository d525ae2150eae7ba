package account

import (
	"certlink/internal/seal"
	"certlink/store"
)

// What this package keeps under seal.
var (
	idNumberField = seal.In(accounts, "id-number")
	totpField     = seal.In(accounts, "totp")
	pinField      = seal.In(devices, "pin")
)

// Sealed lists it.
func Sealed(s store.Store, r *seal.Ring) []seal.Stock {
	return []seal.Stock{
		seal.StockOf(r, accountRecord(s), accountPlaces),
		seal.StockOf(r, deviceRecord(s), devicePlaces),
	}
}

var accountPlaces seal.Places[stored] = func(a *stored, visit func(seal.Purpose, *string) error) error {
	if err := visit(idNumberField.Of(a.ID), &a.SealedIDNumber); err != nil {
		return err
	}
	if err := visit(totpField.Of(a.ID), &a.Second.Secret); err != nil {
		return err
	}
	return visit(totpField.Of(a.ID), &a.Second.Begun)
}

var devicePlaces seal.Places[storedDevice] = func(d *storedDevice, visit func(seal.Purpose, *string) error) error {
	return visit(pinField.Of(d.ID), &d.Secret.Sealed)
}
