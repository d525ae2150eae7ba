package ukey

import "certlink/internal/fault"

// Why something cannot be done with a U-Key.
var (
	ErrLibraryMissing = fault.New(fault.Unavailable, "ukey_driver_missing",
		"这台电脑没有安装该 U-Key 的驱动。请到“下载中心”下载并安装驱动，然后重新插入 U-Key。",
		"This U-Key's driver is not installed on this computer. Get it from Downloads, install it, and plug the U-Key in again.")
	ErrLibraryBroken = fault.New(fault.Unavailable, "ukey_driver_broken",
		"U-Key 驱动无法加载，可能与本程序位数不同或已损坏。请重新安装驱动；仍不行请联系管理员换用另一位数的桌面连接程序。",
		"The U-Key's driver cannot be loaded; it may be for the other word size (32 or 64 bits), or damaged. Install it again; if that does not help, ask the administrator for the bridge of the other word size.")
	ErrNone = fault.New(fault.NotFound, "ukey_none",
		"没有找到 U-Key。请确认已插好并且指示灯亮起，或换一个 USB 口。",
		"No U-Key was found. See that it is plugged in and its light is on, or try another USB port.")
	ErrRemoved = fault.New(fault.Conflict, "ukey_removed",
		"操作过程中 U-Key 被拔出，未签名，也未执行任何操作。请插好后重试。",
		"The U-Key was pulled out half-way; nothing was signed and nothing was done. Plug it in and try again.")
	ErrPINWrong = fault.New(fault.Forbidden, "ukey_pin_wrong",
		"PIN 码不正确，未签名。请核对后重试；连续输错会锁定 U-Key。",
		"The PIN is wrong, so nothing was signed. Check it and try again; too many wrong ones lock the U-Key.")
	ErrPINLocked = fault.New(fault.Forbidden, "ukey_pin_locked",
		"U-Key 的 PIN 码已锁定，不能再签名。请联系证书服务商解锁。",
		"The U-Key's PIN is locked and it signs no more. Ask the certificate's provider to unlock it.")
	ErrPINLength = fault.New(fault.Invalid, "ukey_pin_length",
		"PIN 码长度不符合该 U-Key 的要求，未提交给 U-Key。请重新输入。",
		"The PIN is shorter or longer than this U-Key's can be; it was not tried. Type it again.")
	ErrPINUnset = fault.New(fault.Conflict, "ukey_pin_unset",
		"U-Key 尚未设置 PIN 码。请先用服务商的管理工具设置。",
		"The U-Key has no PIN yet. Set one with the provider's own tool first.")
	ErrCertificate = fault.New(fault.NotFound, "ukey_certificate_missing",
		"U-Key 里没有这张证书。请重新选择证书。",
		"There is no such certificate on the U-Key. Choose again.")
	ErrUse = fault.New(fault.Unprocessable, "ukey_certificate_use",
		"这张证书不能用于签名。请选择签名证书。",
		"This certificate is not for signing. Choose the signing certificate.")
	ErrUnsupported = fault.New(fault.Unprocessable, "ukey_unsupported",
		"U-Key 或其驱动不支持这种运算。请更新驱动，或联系证书服务商。",
		"The U-Key or its driver cannot do this. Update the driver, or ask the certificate's provider.")
	ErrFailed = fault.New(fault.Unavailable, "ukey_failed",
		"U-Key 驱动报告了错误，未执行任何操作。请拔下后重新插入再试；仍不行请把错误代码告诉管理员。",
		"The U-Key's driver reported an error and nothing was done. Unplug it, plug it in and try again; if that does not help, tell the administrator the code.")
	ErrHung = fault.New(fault.Unavailable, "ukey_driver_hung",
		"U-Key 驱动没有响应，已被中止，未执行任何操作。请重新插入 U-Key 后再试。",
		"The U-Key's driver did not answer and was stopped; nothing was done. Plug the U-Key in again and retry.")
	ErrCrashed = fault.New(fault.Unavailable, "ukey_driver_crashed",
		"U-Key 驱动意外退出，未执行任何操作。请重试；多次出现请更新驱动。",
		"The U-Key's driver crashed and nothing was done. Try again; if it goes on, update the driver.")
)

// faults are those that travel between processes.
var faults = []*fault.Error{ErrLibraryMissing, ErrLibraryBroken, ErrNone, ErrRemoved, ErrPINWrong, ErrPINLocked, ErrPINLength,
	ErrPINUnset, ErrCertificate, ErrUse, ErrUnsupported, ErrFailed, ErrHung, ErrCrashed}
