package identity

import "certlink/internal/fault"

// The refusals.
var (
	ErrNoService = fault.New(fault.Unprocessable, "face_not_offered",
		"本平台未开通人脸认证。请选择邮寄纸质资料或现场办理。",
		"The face check is not offered here. Choose papers by mail, or on site.")
	ErrServiceDown = fault.New(fault.Unavailable, "face_unavailable",
		"人脸认证服务暂时不可用，本次不计入每日次数。请稍后重试，或选择邮寄纸质资料、现场办理。",
		"The face check is not available just now; this try is not counted. Try again later, or choose papers by mail, or on site.")
	ErrTooMany = fault.New(fault.Limited, "face_checks_exhausted",
		"该持有人今天的 10 次人脸认证已用完。请明天再试，或选择邮寄纸质资料、现场办理。",
		"This holder's ten face checks of today are used up. Try again tomorrow, or choose papers by mail, or on site.")
	ErrCheckUnknown = fault.New(fault.NotFound, "check_unknown",
		"找不到这次人脸认证。请刷新页面。",
		"There is no such face check. Reload the page.")
	ErrCheckOver = fault.New(fault.Conflict, "check_over",
		"这次人脸认证已经结束。请刷新页面查看结果。",
		"This face check is over. Reload the page to see its result.")
	ErrNotice = fault.New(fault.Invalid, "identity_notice_invalid",
		"通知的签名无效，未处理。", "The notice's signature is not valid; nothing was done.")
)
