package pkcs11

import (
	"certlink/internal/fault"
	"certlink/ukey"
)

// Return values (PKCS#11 v2.40 §5.1) that mean something to a person.
const (
	rvDeviceError        = 0x30
	rvDeviceRemoved      = 0x32
	rvKeyFunction        = 0x68
	rvMechanism          = 0x70
	rvPINIncorrect       = 0xA0
	rvPINInvalid         = 0xA1
	rvPINLenRange        = 0xA2
	rvPINLocked          = 0xA4
	rvSessionClosed      = 0xB0
	rvSessionHandle      = 0xB3
	rvTokenNotPresent    = 0xE0
	rvTokenUnrecognized  = 0xE1
	rvAlreadyLoggedIn    = 0x100
	rvPINNotInitialized  = 0x102
	rvBufferTooSmall     = 0x150
	rvAlreadyInitialized = 0x191
)

// refusal makes a sentence of a return value.
func refusal(function string, rv uint32) error {
	var f *fault.Error
	switch rv {
	case rvDeviceError, rvDeviceRemoved, rvSessionClosed, rvSessionHandle, rvTokenNotPresent, rvTokenUnrecognized:
		f = ukey.ErrRemoved
	case rvKeyFunction, rvMechanism:
		f = ukey.ErrUnsupported
	case rvPINIncorrect:
		f = ukey.ErrPINWrong
	case rvPINInvalid, rvPINLenRange:
		f = ukey.ErrPINLength
	case rvPINLocked:
		f = ukey.ErrPINLocked
	case rvPINNotInitialized:
		f = ukey.ErrPINUnset
	default:
		f = ukey.ErrFailed
	}
	return f.With("vendor_code", int(rv)).Becausef("%s answers %#x", function, rv)
}
