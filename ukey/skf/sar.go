package skf

import (
	"certlink/internal/fault"
	"certlink/ukey"
)

// Return values (GM/T 0016 annex A) that mean something to a person.
const (
	sarNotSupported   = 0x0A000003
	sarInvalidHandle  = 0x0A000005
	sarKeyUsage       = 0x0A00000A
	sarTimeout        = 0x0A00000F
	sarKeyNotFound    = 0x0A00001B
	sarCertNotFound   = 0x0A00001C
	sarDeviceRemoved  = 0x0A000023
	sarPINIncorrect   = 0x0A000024
	sarPINLocked      = 0x0A000025
	sarPINInvalid     = 0x0A000026
	sarPINLength      = 0x0A000027
	sarLoggedIn       = 0x0A000028
	sarPINUnset       = 0x0A000029
	sarNotLoggedIn    = 0x0A00002D
	sarNoApplication  = 0x0A00002E
	sarNoSuchFile     = 0x0A000031
	sarNameOfNoDevice = 0x0A000009
)

var refusals = map[uint32]*fault.Error{
	sarNotSupported: ukey.ErrUnsupported, sarKeyUsage: ukey.ErrUse,
	sarKeyNotFound: ukey.ErrCertificate, sarCertNotFound: ukey.ErrCertificate, sarNoApplication: ukey.ErrCertificate, sarNoSuchFile: ukey.ErrCertificate,
	sarDeviceRemoved: ukey.ErrRemoved, sarInvalidHandle: ukey.ErrRemoved, sarNameOfNoDevice: ukey.ErrRemoved,
	sarPINIncorrect: ukey.ErrPINWrong, sarPINLocked: ukey.ErrPINLocked, sarPINInvalid: ukey.ErrPINLength, sarPINLength: ukey.ErrPINLength,
	sarPINUnset: ukey.ErrPINUnset, sarTimeout: ukey.ErrHung,
}

// refusal makes a sentence of a return value; a vendor's own are looked up first.
func (m *Module) refusal(function string, sar uint32) error {
	f := refusals[sar]
	if f == nil {
		f = ukey.ErrFailed
	}
	if code := m.quirks.Codes[sar]; code != "" {
		f = fault.Of((&ukey.Refusal{Code: code}).Err())
	}
	return f.With("vendor_code", int(sar)).Becausef("%s answers %#x", function, sar)
}
