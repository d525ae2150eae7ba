package renewal

import "certlink/internal/fault"

// The refusals of renewal and extension.
var (
	ErrUnknown = fault.New(fault.NotFound, "renewal_unknown",
		"找不到这条续费记录。请刷新列表。", "There is no such renewal. Reload the list.")
	ErrState = fault.New(fault.Conflict, "renewal_state_wrong",
		"续费当前状态不允许此操作。请刷新后查看最新状态。", "The renewal is not in the state this needs. Reload to see how it stands.")
	ErrPaid = fault.New(fault.Conflict, "renewal_paid_already",
		"该续费已支付或已结束，不能取消。请刷新后查看最新状态。", "This renewal has been paid or is over and cannot be cancelled. Reload to see how it stands.")
	ErrElsewhere = fault.New(fault.Unprocessable, "renewal_elsewhere",
		"该证书不是在本平台申领的，请联系 CA 服务商办理续费和延期。", "This certificate was not applied for here. Ask its authority to renew and extend it.")
	ErrEarly = fault.New(fault.Conflict, "renewal_too_early",
		"未到可续费的时间。请在提示的日期之后办理。", "It is too early to renew this certificate. Come back on the day shown.")
	ErrLate = fault.New(fault.Conflict, "renewal_too_late",
		"该证书过期已久，不能续费。请重新申领。", "This certificate expired too long ago to be renewed. Apply for a new one.")
	ErrNeeded = fault.New(fault.Conflict, "renewal_needed",
		"该证书尚未续费，不能延期。请先在网页“CA续费与延期”中续费。", "This certificate has not been renewed, so it cannot be extended. Renew it first on the web page “Renew and extend”.")
	ErrExpired = fault.New(fault.Conflict, "renewal_identity_needed",
		"证书在延期之前已过期，旧密钥不能再确认延期。请重新核验身份后领取新证书，无需再次付费。",
		"The certificate expired before it was extended, so its key can no longer confirm. Have your identity verified again and collect a new certificate; there is nothing more to pay.")
	ErrNotExpired = fault.New(fault.Conflict, "renewal_identity_not_needed",
		"证书仍在有效期内，请在手机上确认延期，无需重新核验身份。", "The certificate is still valid: confirm the extension on the phone. The identity need not be verified again.")
	ErrNoNumber = fault.New(fault.Unprocessable, "renewal_face_impossible",
		"该证书中没有居民身份证号码，不能人脸认证。请联系平台审核员核验身份。", "The certificate holds no number of a resident's ID card, so it cannot be done by a face check. Ask a reviewer to verify the identity.")
	ErrBusy = fault.New(fault.Conflict, "extension_under_way",
		"该证书正在延期。请稍候查看结果。", "This certificate is being extended. Wait a moment and look at the result.")
	ErrRejected = fault.New(fault.Conflict, "extension_rejected",
		"持有人在手机上拒绝了延期，证书没有延期。可以再次推送到手机。", "The holder said no on the phone, so the certificate was not extended. The phone can be asked again.")
	ErrToken = fault.New(fault.Conflict, "extension_by_token",
		"U-Key 证书不能在手机上延期。请在网页点击“去延期”，到 CA 服务商平台办理。", "The certificate of a U-Key is not extended on a phone. Choose “Extend” on the web page, which leads to the authority's site.")
	ErrPhone = fault.New(fault.Conflict, "extension_by_phone",
		"移动证书请在手机上确认延期。", "A mobile certificate is extended on the phone that holds it.")
	ErrKeySame = fault.New(fault.Unprocessable, "extension_key_differs",
		"该产品延期时沿用原密钥，但手机提交的是另一个密钥。请更新应用后重试。", "This product keeps its key when it is extended, and the phone sent another one. Update the app and try again.")
	ErrKeyNew = fault.New(fault.Unprocessable, "extension_key_reused",
		"该产品延期时须更换密钥，但手机提交的是已使用过的密钥。请更新应用后重试。", "This product gets a new key when it is extended, and the phone sent one that has been used. Update the app and try again.")
)

// The course at the authority's site.
var (
	ErrSite = fault.New(fault.Unavailable, "authority_site_unavailable",
		"暂时无法连接 CA 服务商平台，延期没有开始。请稍后重试，或致电 CA 服务商。", "The authority's site cannot be reached just now, so the extension was not begun. Try again later, or call the authority.")
	ErrSiteRejected = fault.New(fault.Conflict, "authority_rejected",
		"CA 服务商审核未通过，证书没有延期。请按审核意见修改材料，再次点击“去延期”。", "The authority's review turned the extension down. Mend the material as its note says, and choose “Extend” again.")
	ErrNotice = fault.New(fault.Invalid, "extension_notice_invalid",
		"通知的签名无效，未处理。", "The notice's signature is not valid; nothing was done.")
	ErrNotLonger = fault.New(fault.Unprocessable, "successor_not_longer",
		"该证书的有效期没有超过原证书，不是延期后的证书。请核对后重新提交。", "This certificate is not valid for longer than the old one, so it is no extension of it. Check which file it is.")
)
