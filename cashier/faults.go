package cashier

import "certlink/internal/fault"

var (
	ErrUnknown = fault.New(fault.NotFound, "order_unknown",
		"找不到这个订单。请从申领或续费页面重新进入收银台。",
		"There is no such order. Come to the cashier again from the application or the renewal.")
	ErrState = fault.New(fault.Conflict, "order_state_wrong",
		"订单当前状态不允许此操作。请刷新后查看最新状态。",
		"The order is not in the state this needs. Reload to see how it stands.")
	ErrFree = fault.New(fault.Conflict, "order_free",
		"该订单无需支付。请点击“确定”完成。",
		"There is nothing to pay for this order. Confirm it instead.")
	ErrNotFree = fault.New(fault.Conflict, "order_not_free",
		"该订单需要支付，不能直接完成。请选择支付方式。",
		"This order has to be paid, so it cannot simply be confirmed. Choose how to pay.")
	ErrMethod = fault.New(fault.Unprocessable, "payment_method_unknown",
		"没有这种支付方式，或当前未开通。请选择其他支付方式。",
		"There is no such way to pay here. Choose another one.")
	ErrProvider = fault.New(fault.Unavailable, "payment_provider_unavailable",
		"支付平台暂时没有响应，未扣款。请稍后重试，或选择其他支付方式。",
		"The payment provider does not answer just now; nothing was charged. Try again in a moment, or pay another way.")
	ErrRefused = fault.New(fault.Unprocessable, "payment_refused",
		"支付平台拒绝了这笔支付，未扣款。请选择其他支付方式，或联系平台运营人员。",
		"The payment provider refuses this payment; nothing was charged. Pay another way, or ask the operator of this platform.")
	ErrAttempts = fault.New(fault.Limited, "payment_attempts_exceeded",
		"这个订单已多次重新发起支付。请一小时后重试，或选择线下转账。",
		"Payment of this order was begun too often. Try again in an hour, or pay by transfer.")
	ErrNotice = fault.New(fault.Invalid, "payment_notice_invalid",
		"支付通知的签名或内容无法核实，已忽略。",
		"The signature or content of this payment notice cannot be verified; it was ignored.")
	ErrPaymentUnknown = fault.New(fault.NotFound, "payment_unknown",
		"支付通知所指的订单不存在。",
		"The payment notice is about an order that does not exist here.")
	ErrProof = fault.New(fault.Conflict, "payment_proof_state_wrong",
		"当前没有等待审核的转账凭证，或已由他人处理。请刷新后查看最新状态。",
		"No proof of transfer waits here, or somebody else has decided on it. Reload to see how it stands.")
	ErrNoRefund = fault.New(fault.Conflict, "refund_state_wrong",
		"没有需要线下退款的款项，或已由他人处理。请刷新后查看最新状态。",
		"There is no refund to be made by hand here, or somebody else has done it. Reload to see how it stands.")
	ErrUndo = fault.New(fault.Conflict, "payment_decision_final",
		"审核结果已生效或不是由您作出，不能撤销。",
		"The decision has taken effect, or is not yours, and cannot be undone.")
)
