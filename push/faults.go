package push

import "certlink/internal/fault"

// The refusals of prompts.
var (
	ErrPromptUnknown = fault.New(fault.NotFound, "prompt_unknown",
		"找不到这项待确认的请求，或者它不属于您。请刷新待确认列表。", "There is no such request, or it is not yours. Look at the list again.")
	ErrPromptOver = fault.New(fault.Conflict, "prompt_over",
		"这项请求已经结束，不能再操作。如有需要，请重新发起。", "This request is over and takes no more. Begin again if it is still needed.")
	ErrPromptExpired = fault.New(fault.Gone, "prompt_expired",
		"这项请求已过期，未执行任何操作。如有需要，请重新发起。", "The time for this request is over and nothing was done. Begin again if it is still needed.")
	ErrPromptByScan = fault.New(fault.Unprocessable, "prompt_by_scan",
		"这项操作需要核对数字，不能直接发到手机。请改用扫码。", "This needs the two digits, so it cannot be sent to the phone. Scan the code instead.")
	ErrPromptsMany = fault.New(fault.Limited, "prompts_too_many",
		"这部手机上等待确认的请求过多。请先在手机上处理，再重新发起。", "Too many requests wait for this phone. Answer them on the phone first, then begin again.")
	ErrMessageUnknown = fault.New(fault.NotFound, "message_unknown",
		"没有这条消息，可能已被清理。请刷新列表。", "There is no such message; it may have been cleaned up. Look at the list again.")
	ErrChannel = fault.New(fault.Unprocessable, "channel_unknown",
		"平台没有开通这种通知方式。请刷新后重新选择。", "This way of being told is not offered here. Look again and choose another.")
)
