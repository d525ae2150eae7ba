package desk

import "certlink/internal/fault"

// The refusals of sessions with a U-Key.
var (
	ErrUnknown = fault.New(fault.NotFound, "ukey_session_unknown",
		"找不到这次 U-Key 操作，或者它不是由当前浏览器发起的。请重新开始。", "This U-Key session does not exist, or another browser began it. Start again.")
	ErrOver = fault.New(fault.Conflict, "ukey_session_over",
		"这次 U-Key 操作已经结束，不能再提交。请重新开始。", "This U-Key session is over and takes no more. Start again.")
	ErrExpired = fault.New(fault.Gone, "ukey_session_expired",
		"等待签名的时间已过，未执行任何操作。请重新开始，并在三分钟内输入 PIN 码。", "The time to sign is over and nothing was done. Start again, and type the PIN within three minutes.")
	ErrTooMany = fault.New(fault.Limited, "ukey_sessions_too_many",
		"同时进行的 U-Key 操作过多。请先关闭其他页面，或稍后再试。", "Too many U-Key sessions are open at once. Close the other pages, or try again a little later.")
	ErrPurpose = fault.New(fault.Unprocessable, "ukey_purpose",
		"这项操作要在手机上生成新的密钥，不能使用 U-Key。请用手机扫码办理。", "This makes a new key on a phone and cannot be done with a U-Key. Use the phone and scan the code.")
)
