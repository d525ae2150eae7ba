// Package dialog asks the person at the desktop, in a window of the system's own that
// no page can draw, read or type into: pinentry on Unix, CredUI on Windows.
package dialog

import (
	"context"

	"certlink/internal/fault"
	"certlink/ukey"
)

// Why there is no answer.
var (
	ErrCancelled = fault.New(fault.Conflict, "bridge_cancelled",
		"您在桌面窗口中取消了操作，未签名，也未执行任何操作。", "You cancelled in the window on the desktop; nothing was signed and nothing was done.")
	ErrNone = fault.New(fault.Unavailable, "bridge_no_dialog",
		"这台电脑无法弹出系统窗口。请让管理员检查桌面环境（Linux 上需安装 pinentry）后重试。", "This computer cannot open a window of the system. Have the administrator look at its desktop (on Linux, install pinentry), then try again.")
)

// Question is what the window shows.
type Question struct {
	Title string
	Text  string // plain lines
	// Mistake is what was wrong with the last answer, "" the first time.
	Mistake string
	Prompt  string // before the field
	Yes, No string // the buttons
	// More is the button to the next page, where one window cannot show all.
	More string
}

// Asker opens windows. It gives up, and closes the window, when ctx ends.
type Asker interface {
	// PIN asks for a PIN; ErrCancelled where the person would rather not.
	PIN(ctx context.Context, q Question) (ukey.PIN, error)
	// Confirm asks yes or no.
	Confirm(ctx context.Context, q Question) (bool, error)
}
