package application

import "certlink/internal/fault"

// The application itself.
var (
	ErrUnknown = fault.New(fault.NotFound, "application_unknown",
		"找不到这份申领。请刷新列表。",
		"There is no such application. Reload the list.")
	ErrTooMany = fault.New(fault.Conflict, "applications_too_many",
		"您还有 10 份未办完的申领，没有新建。请先办完或撤回其中一份。",
		"You have ten applications under way already, so none was begun. Finish or withdraw one of them first.")
	ErrTerms = fault.New(fault.Conflict, "terms_changed",
		"申领条款已更新，请阅读并同意新版条款后继续。已填写的内容都已保留。",
		"The terms have changed. Read and accept the new version to go on; nothing that you typed is lost.")
	ErrChanged = fault.New(fault.Conflict, "draft_changed",
		"这份申领已在另一个页面中修改，本次修改没有保存。请查看最新内容后再改。",
		"This application was changed in another page meanwhile, so this change was not saved. Look at how it stands now, and change it again.")
	ErrForm = fault.New(fault.Unprocessable, "application_incomplete",
		"资料还没有填写完整或有误，没有提交。请按提示修改后再提交。",
		"Something is missing or wrong, so nothing was handed in. Correct what is pointed at and hand it in again.")
	ErrText = fault.New(fault.Unprocessable, "application_text_invalid",
		"内容过长或含有不可见字符，没有保存。请修改后重试。",
		"A text is too long or holds invisible characters, so it was not saved. Correct it and try again.")
	ErrSlot = fault.New(fault.NotFound, "attachment_unknown",
		"没有这一项附件。请刷新页面。",
		"There is no such attachment. Reload the page.")
)

// One for each act that the state does not allow.
var (
	ErrNotEditable = fault.New(fault.Conflict, "application_not_editable",
		"申领已提交，现在不能修改，本次修改没有保存。请刷新查看当前状态。",
		"The application has been handed in and cannot be changed now, so nothing was saved. Reload to see how it stands.")
	ErrNotSubmittable = fault.New(fault.Conflict, "application_not_submittable",
		"申领已经提交过，无需再次提交。请刷新查看当前状态。",
		"The application has been handed in already. Reload to see how it stands.")
	ErrNotReopenable = fault.New(fault.Conflict, "application_not_reopenable",
		"现在不能退回修改资料。审核中的申领请等待结果，或撤回后重新申领。",
		"It cannot be taken back for changes now. Wait for the review's result, or withdraw it and apply anew.")
	ErrNoIdentityNow = fault.New(fault.Conflict, "application_not_in_identity",
		"现在不需要身份认证。请刷新查看当前状态。",
		"There is no identity to verify at this point. Reload to see how the application stands.")
	ErrNoPaymentNow = fault.New(fault.Conflict, "application_not_in_payment",
		"现在不需要支付。请刷新查看当前状态。",
		"There is nothing to pay at this point. Reload to see how the application stands.")
	ErrNoReviewNow = fault.New(fault.Conflict, "application_not_in_review",
		"这份申领不在待审核状态，操作没有执行。请刷新队列。",
		"This application is not waiting for review, so nothing was done. Reload the queue.")
	ErrNotWithdrawable = fault.New(fault.Conflict, "application_not_withdrawable",
		"已审核通过或已结束的申领不能撤回。如证书已发放，可以吊销证书。",
		"An application that was accepted or is over cannot be withdrawn. A certificate that was issued can be revoked.")
	ErrNotInMaking = fault.New(fault.Conflict, "application_not_in_making",
		"这份申领不在待制证状态，操作没有执行。请刷新查看当前状态。",
		"No certificate is being made for this application, so nothing was done. Reload to see how it stands.")
	ErrNotCollectable = fault.New(fault.Conflict, "application_not_collectable",
		"现在不能领取证书。审核通过后才可以领取，每份申领只能领取一次。",
		"There is no certificate to collect now: it can be collected once, after the application was accepted.")
	ErrNotReplaceable = fault.New(fault.Conflict, "application_not_replaceable",
		"这份申领不能换领。已发放的移动证书吊销后，在原有效期内可以换领；已过期的请重新申领。",
		"No replacement can be had: only for a mobile certificate that was revoked, and until its term is over. After that, apply anew.")
)

// Identity.
var (
	ErrFaceDocument = fault.New(fault.Unprocessable, "face_needs_id_card",
		"人脸认证只支持居民身份证。请选择邮寄纸质资料或现场办理。",
		"The face check works with a resident's ID card only. Choose papers by mail, or on site.")
	ErrIdentityOpen = fault.New(fault.Conflict, "identity_unconfirmed",
		"申领人身份尚未确认，不能通过。请先核对纸质资料或现场证件并确认身份。",
		"The holder's identity has not been confirmed, so it cannot be accepted. Compare the papers, or the document on site, and confirm it first.")
)

// Review.
var (
	ErrHeld = fault.New(fault.Conflict, "application_held",
		"另一位审核员正在处理这份申领，操作没有执行。请处理其他申领，或与该审核员联系。",
		"Another reviewer has this application open, so nothing was done. Take another one, or talk to them.")
	ErrDecided = fault.New(fault.Conflict, "application_decided",
		"这份申领已有审核结果，您的结果没有生效。请刷新查看。",
		"This application has been decided already, and your decision does not count. Reload to see it.")
	ErrStale = fault.New(fault.Conflict, "application_resubmitted",
		"申领人已重新提交资料，您看到的不是最新内容，操作没有执行。请刷新后再审核。",
		"The applicant has handed it in anew, and what you see is not the newest, so nothing was done. Reload and look again.")
	ErrReasons = fault.New(fault.Unprocessable, "reasons_required",
		"请至少选择一项不通过的原因，并指明是哪一项资料。",
		"Give at least one reason, and the field that it is about.")
	ErrUndo = fault.New(fault.Conflict, "decision_final",
		"审核结果已生效或不是由您作出，不能撤销。",
		"The decision has taken effect, or is not yours, and cannot be undone.")
	ErrShipment = fault.New(fault.Unprocessable, "shipment_invalid",
		"请填写快递公司和快递单号；自取或现场领取时单号可以不填。",
		"Give the carrier and the number; where it is fetched in person, the number may be left out.")
)
