package mobilecert

import "certlink/internal/fault"

// Providers.
var (
	ErrProviderUnknown = fault.New(fault.Unprocessable, "provider_unknown",
		"没有这个 CA 服务商。请刷新页面后重新选择。",
		"There is no such provider here. Reload the page and choose again.")
	ErrProviderUnavailable = fault.New(fault.Unprocessable, "provider_unavailable",
		"本平台暂时不能验证该 CA 服务商的证书，未执行任何操作。请拨打该服务商的服务电话咨询，或联系平台运营人员。",
		"Certificates of this provider cannot be checked here at present, so nothing was done. Call the provider's phone line, or ask the operator of this platform.")
	ErrMedium = fault.New(fault.Unprocessable, "medium_not_offered",
		"该 CA 服务商没有移动证书，不能扫码绑定。请选择其他服务商，或使用 U-Key。",
		"This provider has no mobile certificates, so none can be bound by scanning. Choose another provider, or use its U-Key.")
	ErrNoUKey = fault.New(fault.Unprocessable, "ukey_not_offered",
		"该 CA 服务商没有 U-Key 证书。请选择其他服务商，或使用移动证书。",
		"This provider has no U-Keys. Choose another provider, or use its mobile certificate.")
)

// Bindings.
var (
	ErrNotYourAccount = fault.New(fault.Forbidden, "not_your_account",
		"您只能为自己的账号办理。如需为其他员工办理，请联系机构管理员。",
		"You may do this for your own account only. Ask your organisation's admin to do it for somebody else.")
	ErrNotYourOrganisation = fault.New(fault.Forbidden, "not_your_organisation",
		"该账号不属于您的机构，不能办理。请核对后重试。",
		"That account belongs to another organisation, so you may not do this. Check whom you chose.")
	ErrBoundElsewhere = fault.New(fault.Conflict, "certificate_bound_elsewhere",
		"该证书已绑定其他账号，未重复绑定。请先解除原绑定，或换一张证书。",
		"This certificate is bound to another account, so nothing was bound. Have that binding removed first, or use another certificate.")
	ErrBoundAlready = fault.New(fault.Conflict, "certificate_bound_already",
		"该证书已绑定到此账号，无需再次绑定。",
		"This certificate is bound to this account already; there is nothing to do.")
	ErrSlotTaken = fault.New(fault.Conflict, "account_slot_taken",
		"该账号已绑定证书，未再绑定。请先解除原绑定。",
		"This account has a certificate bound already, so nothing was bound. Remove that binding first.")
	ErrBindingUnknown = fault.New(fault.NotFound, "binding_unknown",
		"找不到这条绑定记录。请刷新列表。",
		"There is no such binding. Reload the list.")
	ErrBindingNotActive = fault.New(fault.Conflict, "binding_not_active",
		"该绑定已经解除，无需再操作。请刷新列表查看当前状态。",
		"This binding has been removed already; there is nothing to do. Reload the list to see how it stands.")
	ErrIdentityMismatch = fault.New(fault.Unprocessable, "identity_mismatch",
		"证书的身份信息与账号不一致，未绑定。请使用本人、本机构的证书，或联系机构管理员核对账号资料。",
		"The identity in the certificate is not that of the account, so nothing was bound. Use the certificate of this person and organisation, or have the admin check the account's details.")
)

// Certificates that certlink issues.
var (
	ErrNotOffered = fault.New(fault.NotFound, "product_not_offered",
		"本平台不能申领这个证书产品。请刷新页面后重新选择，或直接联系 CA 服务商办理。",
		"This certificate cannot be applied for here. Reload the page and choose again, or apply to the provider itself.")
	ErrProductUnknown = fault.New(fault.Unprocessable, "product_unknown",
		"没有这个证书产品，或当前不能领取。请刷新页面后重新选择。",
		"There is no such certificate to collect here. Reload the page and choose again.")
	ErrKeyReused = fault.New(fault.Conflict, "key_reused",
		"该密钥已经用于另一张证书，不能重复使用。请更新应用，重新生成密钥后再试。",
		"This key is in another certificate already and cannot be certified again. Update the app, make a new key and try again.")
	ErrGrantNeeded = fault.New(fault.Unprocessable, "application_needed",
		"领取该证书须先申领并通过审核。请先提交申领，审核通过后在申领记录中领取。",
		"This certificate is collected after applying for it and being accepted. Apply first; then collect it from your application.")
	ErrCollected = fault.New(fault.Conflict, "grant_used",
		"该申领的证书已经领取，不能重复领取。如手机丢失，请先挂失吊销原证书并重新认证身份。",
		"The certificate of this application has been collected already, and only one is made. If the phone was lost, revoke that certificate and have your identity checked again first.")
	ErrDeclined = fault.New(fault.Conflict, "certificate_declined",
		"CA 服务商没有签发该证书。请在网页上查看原因后重新领取，或拨打 CA 服务商的服务电话。",
		"The authority has not issued this certificate. See the reason on the web page and collect it again, or call the authority's phone line.")
	ErrUploadKey = fault.New(fault.Unprocessable, "certificate_key_differs",
		"该证书的公钥与申请文件中的不一致，未保存。请确认 CA 返回的是这份申请的证书。",
		"The key in this certificate is not the one of the request, so nothing was saved. Check that the authority made it for this request.")
	ErrUploadSubject = fault.New(fault.Unprocessable, "certificate_subject_differs",
		"该证书的持有人或机构与申领资料不一致，未保存。请核对标出的项目，必要时请 CA 重新签发。",
		"The certificate names another holder or organisation than was applied for, so nothing was saved. Compare what is marked; if need be, have the authority make it again.")
	ErrUploadTerm = fault.New(fault.Unprocessable, "certificate_term_differs",
		"该证书的有效期与所申领的不一致，未保存。请核对起止日期，必要时请 CA 重新签发。",
		"The certificate's term is not the one applied for, so nothing was saved. Compare the dates; if need be, have the authority make it again.")
	ErrPairRevoked = fault.New(fault.Unprocessable, "encryption_certificate_revoked",
		"U-Key 中的加密证书已被吊销，不能再用它加密，因此没有继续。请联系 CA 服务商更换加密证书后重试。",
		"The encryption certificate on the U-Key has been revoked, and nothing may be encrypted to it any more, so this did not go on. Have the authority replace it, and try again.")
	ErrPairHolder = fault.New(fault.Unprocessable, "encryption_certificate_differs",
		"U-Key 里的加密证书与所选签名证书不是同一持有人的，未绑定。请重新选择证书，或联系 CA 服务商。",
		"The encryption certificate on the U-Key is another holder's than the signing certificate, so nothing was bound. Choose again, or ask the certificate's provider.")
	ErrUploadPair = fault.New(fault.Unprocessable, "certificate_pair_incomplete",
		"加密证书不完整或与签名证书不配套，未保存。请同时提供加密证书和密钥信封（.env），二者须由 CA 为同一份申请制作。",
		"The encryption certificate is incomplete or does not go with the signing one, so nothing was saved. Give both the encryption certificate and its key envelope, made by the authority for this request.")
	ErrDeclineReason = fault.New(fault.Unprocessable, "decline_reason_needed",
		"请填写 CA 不予签发的原因（2 至 200 字），申领人会看到。",
		"Say why the authority will not issue it (2 to 200 characters); the applicant will read it.")
	ErrRequestReused = fault.New(fault.Conflict, "issue_request_reused",
		"该请求编号已用于另一张证书，未签发。请为每张证书使用新的编号；重复提交时内容须完全相同。",
		"This request id was used for another certificate, so none was issued. Use a new id for each; a repeat must say the same.")
	ErrExtendedAlready = fault.New(fault.Conflict, "certificate_extended_already",
		"该证书已经延期，或正在延期，不能重复延期。请刷新查看新证书。",
		"This certificate was extended already, or is being extended. Reload to see its successor.")
	ErrCertificateKnown = fault.New(fault.Conflict, "certificate_known",
		"该证书已登记在册，未重复登记。请核对是否选错了证书文件。",
		"This certificate is on record already, so nothing was recorded. Check whether this is the right file.")
	ErrCertificateUnknown = fault.New(fault.NotFound, "certificate_unknown",
		"找不到这张证书。请刷新列表。",
		"There is no such certificate. Reload the list.")
	ErrCertificateState = fault.New(fault.Conflict, "certificate_state_wrong",
		"证书当前状态不允许此操作。请刷新后查看最新状态。",
		"The certificate is not in the state this needs. Reload to see how it stands.")
	ErrSuperseded = fault.New(fault.Unprocessable, "certificate_superseded",
		"该证书已延期换发，旧证书不能再绑定或签名。请使用手机中的新证书。",
		"This certificate was extended, and its successor has taken its place; the old one can no longer be bound or sign. Use the new one on the phone.")
	ErrRevokedHere = fault.New(fault.Unprocessable, "certificate_revoked_here",
		"该证书已在本平台吊销，不能再使用。请重新申领。",
		"This certificate was revoked on this platform and can no longer be used. Get a new one.")
)
