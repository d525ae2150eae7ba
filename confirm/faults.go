package confirm

import "certlink/internal/fault"

// The refusals of the confirmation engine. Those about signatures, chains and
// certificates are trust's.
var (
	ErrPurposeUnknown = fault.New(fault.Invalid, "purpose_unknown",
		"不支持这种确认用途。请更新应用或联系集成方。", "This kind of confirmation does not exist here. Update the app, or ask the integrator.")
	ErrPurposeNotAllowed = fault.New(fault.Forbidden, "purpose_not_allowed",
		"当前账号不能发起这项操作。请联系机构管理员。", "This account may not start this. Ask your organisation's admin.")
	ErrStatementMismatch = fault.New(fault.Unprocessable, "statement_mismatch",
		"签名的内容与服务器出示的内容不一致，未执行任何操作。请重新扫码。", "What was signed is not what the server put before you, so nothing was done. Scan again.")
	ErrPurposeMismatch = fault.New(fault.Unprocessable, "purpose_mismatch",
		"该签名是为其他用途作出的，不能用于这里。请重新扫码。", "This signature was made for another purpose and is worthless here. Scan again.")
	ErrStatementExpired = fault.New(fault.Gone, "statement_expired",
		"确认时间已过，未执行任何操作。请在网页上重新生成二维码。", "The time to confirm is over and nothing was done. Make a new code on the web page.")
	ErrSignerMismatch = fault.New(fault.Unprocessable, "signer_mismatch",
		"签名所用的密钥不是这次确认要求的密钥。请用正确的证书重试。", "The key that signed is not the one this confirmation asks for. Try again with the right certificate.")
	ErrKeyRequired = fault.New(fault.Conflict, "key_required",
		"手机须先提交新密钥的证书请求。请更新应用后重试。", "The phone must hand in the request for its new key first. Update the app and try again.")
	ErrKeyNotAsked = fault.New(fault.Conflict, "key_not_asked",
		"这次确认不需要新的密钥。", "This confirmation asks for no new key.")
	ErrKeyMismatch = fault.New(fault.Unprocessable, "key_mismatch",
		"证书请求中的密钥与确认内容不符。请在网页上重新开始。", "The key in the certificate request is not the one in the statement or of the kind asked for. Start again on the web page.")
	ErrReason = fault.New(fault.Invalid, "reason_invalid",
		"请选择拒绝的原因。", "Choose a reason for saying no.")
)
