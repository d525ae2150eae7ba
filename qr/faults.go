package qr

import (
	"certlink/confirm"
	"certlink/internal/fault"
)

// The refusals of QR sessions.
var (
	ErrUnknown = fault.New(fault.NotFound, "session_unknown",
		"找不到这次扫码，或者它不是由当前浏览器发起的。请重新生成二维码。", "This code does not exist, or another browser began it. Make a new code.")
	ErrOver = fault.New(fault.Conflict, "session_over",
		"这次扫码已经结束，不能再操作。请在网页上重新生成二维码。", "This session is over and takes no more. Make a new code on the web page.")
	ErrExpired = fault.New(fault.Gone, "session_expired",
		"二维码已过期，未执行任何操作。请在网页上重新生成。", "The code has expired and nothing was done. Make a new one on the web page.")
	ErrTaken = fault.New(fault.Conflict, "session_taken",
		"这个二维码已被另一部手机扫描。如果不是您的手机，请在网页上取消并重新生成。", "Another phone has scanned this code already. If it was not yours, cancel on the web page and make a new one.")
	ErrTooMany = fault.New(fault.Limited, "sessions_too_many",
		"您打开的二维码过多。请先关闭其他页面，或稍后再试。", "You have too many codes open. Close the other pages, or try again a little later.")
	ErrPairBlocked = fault.New(fault.Forbidden, "pair_blocked",
		"多次扫码被手机持有人否认，本浏览器暂时不能为该账号发起扫码。请稍后再试或联系管理员。", "Holders have said several times that it was not them, so this browser cannot begin for this account for a while. Try later, or ask an administrator.")

	ErrCodeMalformed = fault.New(fault.Invalid, "code_malformed",
		"这不是本平台的二维码。请扫描网页上显示的二维码。", "This is not a code of this service. Scan the one shown on the web page.")
	ErrCodeElsewhere = fault.New(fault.Invalid, "code_elsewhere",
		"这个二维码属于另一个平台，不能在这里使用。", "This code belongs to another service and cannot be used here.")
	ErrCodeInvalid = fault.New(fault.Forbidden, "code_invalid",
		"二维码无效或已被改动。请直接扫描网页上的二维码。", "The code is not valid or was changed. Scan the one on the web page directly.")
	ErrCodeStale = fault.New(fault.Gone, "code_stale",
		"二维码已经更新，这一张不能再用。请对准屏幕重新扫描；照片和截图无效。", "The code has changed since; this one is too old. Scan the screen again: photographs and screenshots do not work.")
	ErrCodeAhead = fault.New(fault.Forbidden, "code_from_future",
		"二维码的时间不对，不能使用。请刷新网页后重试。", "The code's time is wrong. Reload the web page and try again.")

	ErrTypedMalformed = fault.New(fault.Invalid, "typed_code_malformed",
		"短码由 10 个字母或数字组成，例如 7K3QX-M2P9T。请核对后重新输入。", "A typed code has ten letters or digits, such as 7K3QX-M2P9T. Check it and type it again.")
	ErrTypedWrong = fault.New(fault.Forbidden, "typed_code_wrong",
		"短码不正确或已过期。请核对网页上的短码。", "The typed code is wrong or has expired. Check it against the web page.")
	ErrTypedLocked = fault.New(fault.Forbidden, "typed_code_locked",
		"短码输错次数过多，已停用。请在网页上重新生成。", "The typed code was missed too often and is locked. Make a new one on the web page.")
	ErrTypedNever = fault.New(fault.Forbidden, "typed_code_not_allowed",
		"这项操作不能使用短码，请扫描二维码。", "A typed code is never used for this. Scan the code.")

	ErrClaim = fault.New(fault.Forbidden, "claim_invalid",
		"这次确认属于另一部手机。请重新扫码。", "This confirmation belongs to another phone. Scan again.")
	ErrMatchPending = fault.New(fault.Conflict, "match_pending",
		"请先在网页上输入手机显示的两位数字，再确认。", "First type the two digits shown on the phone into the web page; then confirm.")
	ErrMatchWrong = fault.New(fault.Unprocessable, "match_wrong",
		"数字与手机上显示的不一致，请核对后重新输入。", "These are not the digits on the phone. Check them and try again.")
	ErrMatchNotAsked = fault.New(fault.Conflict, "match_not_asked",
		"当前不需要输入核对数字。", "No digits are asked for at the moment.")
	ErrMatchFailed = fault.New(fault.Unprocessable, "match_failed",
		"核对数字三次不一致，为安全起见已终止，未执行任何操作。请重新生成二维码。", "The digits were wrong three times, so this was ended for safety and nothing was done. Make a new code.")
	ErrReason = confirm.ErrReason
	ErrNotMe  = fault.New(fault.Forbidden, "not_me",
		"手机持有人表示这不是本人操作，已终止。若您不知情，请立即联系管理员。", "The holder said that it was not them, so this was ended. If you know nothing of it, tell your administrator at once.")
)
