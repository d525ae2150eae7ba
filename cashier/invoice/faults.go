package invoice

import "certlink/internal/fault"

var (
	ErrUnknown = fault.New(fault.NotFound, "invoice_unknown",
		"找不到这份发票申请。请刷新列表。",
		"There is no such application for an invoice. Reload the list.")
	ErrState = fault.New(fault.Conflict, "invoice_state_wrong",
		"发票当前状态不允许此操作，可能已由他人处理。请刷新后查看最新状态。",
		"The invoice is not in the state this needs; somebody else may have acted. Reload to see how it stands.")
	ErrForm = fault.New(fault.Unprocessable, "invoice_form_invalid",
		"发票信息有误，未提交。请按提示修改。",
		"Something in the invoice's details is wrong, so nothing was handed in. Correct what is pointed at.")
	ErrExpired = fault.New(fault.Conflict, "invoice_expired",
		"已超过申请发票的期限，不能再申请。如有疑问请联系 CA 公司。",
		"The time in which an invoice can be asked for is over. Ask the certificate authority if you have questions.")
	ErrNotCompleted = fault.New(fault.Conflict, "invoice_too_early",
		"证书发放（或延期完成）后才能申请发票。",
		"An invoice can be asked for once the certificate is issued, or extended.")
	ErrNotPaid = fault.New(fault.Conflict, "invoice_not_paid",
		"该订单没有付款，不能申请发票。",
		"Nothing was paid for this order, so there is no invoice for it.")
	ErrProof = fault.New(fault.Unprocessable, "invoice_proof_wrong",
		"请上传付款凭证（电子回单或付款截图）后再申请；在线支付的订单不需要凭证。",
		"Upload the proof of payment first. Orders that were paid online need none.")
	ErrTitles = fault.New(fault.Conflict, "invoice_titles_full",
		"最多可保存 5 条发票信息。请编辑或删除已有的一条。",
		"Five titles are saved already, which is the most. Edit or remove one of them.")
	ErrTitleUnknown = fault.New(fault.NotFound, "invoice_title_unknown",
		"找不到这条发票信息，可能已被删除。请重新选择。",
		"There is no such title; it may have been removed. Choose again.")
)
