package dialog

import (
	"context"
	"syscall"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"golang.org/x/sys/windows"

	"certlink/ukey"
)

// System is CredUI for PINs and a message box for questions.
func System(_, _ string) Asker { return credUI{} }

type credUI struct{}

var (
	credui     = windows.NewLazySystemDLL("credui.dll")
	promptCred = credui.NewProc("CredUIPromptForCredentialsW")
	user32     = windows.NewLazySystemDLL("user32.dll")
	messageBox = user32.NewProc("MessageBoxW")
)

// credUIInfo is CREDUI_INFOW.
type credUIInfo struct {
	size    uint32
	parent  windows.HWND
	message *uint16
	caption *uint16
	banner  windows.Handle
}

const (
	doNotPersist   = 0x2
	alwaysShowUI   = 0x80
	keepUsername   = 0x100000
	genericCreds   = 0x40000
	errorCancelled = 1223

	maxMessage = 1023 // CREDUI_MAX_MESSAGE_LENGTH, less the NUL
)

// PIN asks for a PIN. The window cannot be closed from here: who goes away while it
// is open leaves it to the person, and what is typed then is thrown away.
func (c credUI) PIN(ctx context.Context, q Question) (ukey.PIN, error) {
	units := func(s string) int { return len(utf16.Encode([]rune(s))) }
	q, err := ahead(ctx, q, maxMessage-units(q.Mistake)-1, units, c.Confirm)
	if err != nil {
		return nil, err
	}
	text := q.Text
	if q.Mistake != "" {
		text = q.Mistake + "\n" + text
	}
	message, err1 := windows.UTF16PtrFromString(text)
	caption, err2 := windows.UTF16PtrFromString(q.Title)
	target, err3 := windows.UTF16PtrFromString("certlink U-Key")
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, ErrNone.Becausef("the text holds a NUL")
	}
	type answer struct {
		pin ukey.PIN
		err error
	}
	done := make(chan answer, 1)
	go func() {
		info := credUIInfo{message: message, caption: caption}
		info.size = uint32(unsafe.Sizeof(info))
		var user [514]uint16
		copy(user[:], syscall.StringToUTF16("U-Key"))
		var pin [257]uint16
		var save uint32
		rc, _, _ := promptCred.Call(uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(target)), 0, 0,
			uintptr(unsafe.Pointer(&user[0])), uintptr(len(user)), uintptr(unsafe.Pointer(&pin[0])), uintptr(len(pin)),
			uintptr(unsafe.Pointer(&save)), doNotPersist|alwaysShowUI|keepUsername|genericCreds)
		var a answer
		switch rc {
		case 0:
			for _, r := range utf16Runes(pin[:]) {
				a.pin = utf8.AppendRune(a.pin, r)
			}
			if len(a.pin) == 0 {
				a.err = ErrCancelled
			}
		case errorCancelled:
			a.err = ErrCancelled
		default:
			a.err = ErrNone.Becausef("CredUI answers %d", rc)
		}
		clear(pin[:])
		done <- a
	}()
	select {
	case a := <-done:
		return a.pin, a.err
	case <-ctx.Done():
		go func() { (<-done).pin.Wipe() }()
		return nil, ctx.Err()
	}
}

func utf16Runes(in []uint16) []rune {
	for i, c := range in {
		if c == 0 {
			in = in[:i]
			break
		}
	}
	return []rune(windows.UTF16ToString(in))
}

// Confirm asks yes or no; no is the button that the return key presses.
func (credUI) Confirm(ctx context.Context, q Question) (bool, error) {
	text, err1 := windows.UTF16PtrFromString(q.Text)
	title, err2 := windows.UTF16PtrFromString(q.Title)
	if err1 != nil || err2 != nil {
		return false, ErrNone.Becausef("the text holds a NUL")
	}
	const yesNo, warning, secondIsDefault, systemModal, foreground, yes, no = 0x4, 0x30, 0x100, 0x1000, 0x10000, 6, 7
	type answer struct {
		button uintptr
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		rc, _, err := messageBox.Call(0, uintptr(unsafe.Pointer(text)), uintptr(unsafe.Pointer(title)), yesNo|warning|secondIsDefault|systemModal|foreground)
		done <- answer{rc, err}
	}()
	select {
	case a := <-done:
		if a.button != yes && a.button != no { // no window could be opened: nobody has said no
			return false, ErrNone.Because(a.err)
		}
		return a.button == yes, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}
